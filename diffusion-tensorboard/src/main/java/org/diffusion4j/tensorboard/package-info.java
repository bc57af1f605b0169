/**
 * Event files for TensorBoard: {@link org.diffusion4j.tensorboard.TensorBoardListener}.
 *
 * <pre>{@code
 * try (var board = TensorBoardListener.open(Path.of("runs/digits"), 10)) {
 *   trainer.train(data, 10_000, board);
 * }
 * }</pre>
 */
@NullMarked
package org.diffusion4j.tensorboard;

import org.jspecify.annotations.NullMarked;
