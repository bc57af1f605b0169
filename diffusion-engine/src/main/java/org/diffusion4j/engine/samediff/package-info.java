/**
 * Turns the operations of a SameDiff graph into nodes, for given shapes of its placeholders, and
 * runs what has no plan in a session.
 */
@NullMarked
package org.diffusion4j.engine.samediff;

import org.jspecify.annotations.NullMarked;
