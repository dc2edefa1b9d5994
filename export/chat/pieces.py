"""Chat templates that LiteRT-LM can use as they are."""

from export.chat.template import Asked, BudgetError, ChatTemplate, render
from export.errors import ChatTemplateError

_USER, _MODEL = ("user", "Quserq"), ("model", "Qmodelq")
_CONVERSATIONS = [
    Asked((_USER, _MODEL, _USER), True),
    Asked((_USER,), False),
    Asked((_USER, _MODEL), False),
    Asked((("system", "Qsystemq"), _USER), False),
]


def engine_template(template: ChatTemplate) -> str | None:
    """The template's text if LiteRT-LM can use it, else None: it then makes its own from the turn pieces.

    LiteRT-LM's conversations hand every content over as a list of parts (seen in 0.18.1). Many templates concatenate
    it with text and fail, or trim it and print the list. Raises BudgetError when the template's time is used up: the
    bundle's bytes must not depend on how busy the machine is.
    """
    try:
        plain, parts = render(template, _CONVERSATIONS), render(template, _CONVERSATIONS, as_parts=True)
    except BudgetError:
        raise
    except ChatTemplateError:
        return None
    return template.text if plain == parts else None
