package dev.slipstream.app.screens

import androidx.compose.ui.semantics.SemanticsNode
import androidx.compose.ui.semantics.SemanticsProperties
import androidx.compose.ui.semantics.getOrNull
import androidx.compose.ui.test.hasClickAction
import androidx.compose.ui.test.hasSetTextAction
import androidx.compose.ui.test.junit4.ComposeTestRule

/** Whatever can be touched tells TalkBack what it is. */
internal fun ComposeTestRule.checkLabels(where: String) {
    for (node in onAllNodes(hasClickAction() or hasSetTextAction()).fetchSemanticsNodes().filterNot(::isLink)) {
        check(
            label(node).isNotBlank(),
        ) { "$where: TalkBack has no words for what can be touched at ${node.boundsInRoot}" }
    }
}

/** Inside a text: TalkBack takes it from there, with its words. */
private fun isLink(node: SemanticsNode): Boolean {
    val texts =
        node.parent
            ?.config
            ?.getOrNull(SemanticsProperties.Text)
            .orEmpty()
    return texts.any { it.hasLinkAnnotations(0, it.length) }
}

internal fun label(node: SemanticsNode): String {
    val descriptions = node.config.getOrNull(SemanticsProperties.ContentDescription).orEmpty()
    val texts = node.config.getOrNull(SemanticsProperties.Text).orEmpty()
    return (descriptions + texts.map { it.text }).joinToString(" ")
}
