package org.diffusion4j.unet;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.unet.SameDiffDenoiser.Dropout;
import org.jspecify.annotations.Nullable;
import org.nd4j.autodiff.functions.DifferentialFunction;
import org.nd4j.autodiff.samediff.SDVariable;
import org.nd4j.autodiff.samediff.SameDiff;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.api.ops.random.impl.Linspace;
import org.nd4j.linalg.api.ops.random.impl.Range;
import org.nd4j.linalg.factory.Nd4j;

/**
 * A graph's noise of its own: placeholders, which are normal in training and 0 otherwise, and
 * operations that draw random numbers wherever they run.
 */
final class NoiseInputs {

  /** Separates this noise from that of the samples, which comes from the seed of the same step. */
  private static final long STREAM = 0x6f_77_6e_6e_6f_69_73_65L;

  private static final String RANDOM = "org.nd4j.linalg.api.ops.random";

  private final Map<String, long[]> shapes = new LinkedHashMap<>();
  private final boolean drawnByOperations;

  /**
   * @throws IllegalArgumentException if one leaves another size open than that of the batch
   */
  NoiseInputs(SameDiff graph) {
    for (SDVariable variable : graph.variables()) {
      if (variable.isPlaceHolder() && variable.name().endsWith(Graphs.NOISE)) {
        long[] shape = variable.placeholderShape();
        if (shape == null
            || shape.length < 2
            || shape[0] >= 0
            || Arrays.stream(shape).skip(1).anyMatch(size -> size < 1)) {
          throw new IllegalArgumentException(
              variable.name()
                  + " must be a placeholder [-1, ...] of known sizes but was "
                  + Arrays.toString(shape));
        }
        shapes.put(variable.name(), shape.clone());
      }
    }
    drawnByOperations =
        graph.getOps().values().stream().anyMatch(op -> drawsRandomNumbers(op.getOp()));
  }

  /** Whether there are such operations. */
  boolean drawnByOperations() {
    return drawnByOperations;
  }

  /** ND4J has two operations in the package that draw nothing. */
  private static boolean drawsRandomNumbers(DifferentialFunction op) {
    return op.getClass().getName().startsWith(RANDOM)
        && !(op instanceof Linspace || op instanceof Range);
  }

  /** The shapes for a batch. */
  Map<String, long[]> shapes(int n) {
    Map<String, long[]> all = new LinkedHashMap<>();
    shapes.forEach(
        (name, shape) -> {
          long[] batch = shape.clone();
          batch[0] = n;
          all.put(name, batch);
        });
    return all;
  }

  /**
   * Adds the arrays for a batch.
   *
   * @param step seed of a training step and number of the first sample, or null for zeros
   * @param inputs receives them by name
   * @param made receives them, too; the caller must close them
   */
  void add(int n, @Nullable Dropout step, Map<String, INDArray> inputs, List<INDArray> made) {
    if (shapes.isEmpty()) {
      return;
    }
    NoiseSource.Batch noise =
        step == null
            ? shape -> Nd4j.zeros(DataType.FLOAT, shape)
            : NoiseSource.perSample(step.seed() ^ STREAM).start().batch(step.firstSample(), n);
    shapes(n)
        .forEach(
            (name, shape) -> {
              INDArray array = noise.next(shape);
              made.add(array);
              inputs.put(name, array);
            });
  }
}
