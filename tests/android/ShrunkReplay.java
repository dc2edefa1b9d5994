import dev.slipstream.litert.BundleRuntime;
import dev.slipstream.litert.LiteRtLibrary;
import dev.slipstream.trace.ReplayKt;
import dev.slipstream.trace.TraceReaderKt;
import java.io.File;

/** Replays a bundle's golden traces: arguments are the bundle and libLiteRt.so. Run on classes that R8 has shrunk. */
class ShrunkReplay {
    public static void main(String[] arguments) {
        var library = LiteRtLibrary.Companion.load(arguments[1]);
        try (var runtime = new BundleRuntime(new File(arguments[0]), 1, null, library, null, null)) {
            for (var entry : runtime.getBundle().traces().entrySet()) {
                var rounds = 0;
                for (var trace : TraceReaderKt.readTraces(entry.getValue(), entry.getKey())) {
                    rounds += ReplayKt.replay(trace, runtime.getTarget(), runtime.getDrafter()).getRounds();
                }
                System.out.println(entry.getKey() + " " + rounds);
            }
        }
    }
}
