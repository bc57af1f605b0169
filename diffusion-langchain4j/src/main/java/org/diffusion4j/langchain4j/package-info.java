/** Embedding models of LangChain4j as text encoders. */
@NullMarked
package org.diffusion4j.langchain4j;

import org.jspecify.annotations.NullMarked;
