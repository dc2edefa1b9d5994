"""Where drafts come from (DECODE.md): matches in the text, the model drafter, and who chooses between them.

Standard library only. To the loop all of this is one Drafter."""
