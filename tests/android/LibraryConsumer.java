import dev.slipstream.ReplyEvent;
import dev.slipstream.ReplyOptions;
import dev.slipstream.Slipstream;
import dev.slipstream.engine.OpenEngineKt;
import java.io.File;
import kotlin.Unit;
import kotlinx.coroutines.BuildersKt;
import kotlin.coroutines.EmptyCoroutineContext;

/** A program over the library that asks for a completion and prints it; test_library.py shrinks and runs it. */
public final class LibraryConsumer {
    public static void main(String[] arguments) throws Exception {
        var engine = OpenEngineKt.openEngine(new File(arguments[0]), null, 1, line -> Unit.INSTANCE);
        try (var model = Slipstream.Companion.over(engine)) {
            BuildersKt.runBlocking(
                EmptyCoroutineContext.INSTANCE,
                (scope, continuation) ->
                    model.complete("def main():", new ReplyOptions()).collect((event, next) -> {
                        if (event instanceof ReplyEvent.Text text) System.out.print(text.getText());
                        return Unit.INSTANCE;
                    }, continuation));
        }
    }
}
