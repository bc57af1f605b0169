package org.diffusion4j.training;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.diffusion4j.engine.cpu.WeightLoops;
import org.diffusion4j.unet.SameDiffDenoiser;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * An exponential moving average of a model's weights, which gives better samples than the last
 * weights: DDPM (Ho et al. 2020), appendix B.
 */
final class WeightAverage implements AutoCloseable {

  private final SameDiffDenoiser model;
  private final double decay;
  private final Map<String, INDArray> average = new LinkedHashMap<>();

  /** Whether the model currently has the averages and this object the model's weights. */
  private boolean inUse;

  /**
   * @param decay weight of the old average in a step, in [0, 1); less in the first steps, so that
   *     the random initial weights are forgotten
   */
  WeightAverage(SameDiffDenoiser model, double decay) {
    this.model = model;
    this.decay = decay;
    model.parameters().forEach((name, weight) -> average.put(name, weight.dup('c')));
  }

  /**
   * The averaged weights by name.
   *
   * @throws IllegalStateException while the model has them, in {@link #use}
   */
  Map<String, INDArray> values() {
    requireNotInUse();
    return average;
  }

  /**
   * Checks that the model has its own weights.
   *
   * @throws IllegalStateException while it has the averages, in {@link #use}
   */
  void requireNotInUse() {
    if (inUse) {
      throw new IllegalStateException(
          "checkpoints and the average must not be requested while a preview has the averaged"
              + " weights");
    }
  }

  /**
   * {@code average = keep average + (1 - keep) weights}.
   *
   * @param step number of the step that computed the weights, from 0
   */
  void update(long step) {
    float take = (float) (1 - Math.min(decay, (1.0 + step) / (10.0 + step)));
    WeightLoops.run(
        List.of(averages()),
        List.of(weights()),
        (pieces, n) -> {
          float[] a = pieces[0];
          float[] w = pieces[1];
          for (int i = 0; i < n; i++) {
            a[i] += take * (w[i] - a[i]);
          }
          return 0;
        });
  }

  /** Runs an action while the model has the averaged weights. */
  void use(Runnable action) {
    swap();
    inUse = true;
    try {
      action.run();
    } finally {
      inUse = false;
      swap();
    }
  }

  private void swap() {
    WeightLoops.run(
        List.of(averages(), weights()),
        List.of(),
        (pieces, n) -> {
          float[] held = pieces[0].clone();
          System.arraycopy(pieces[1], 0, pieces[0], 0, n);
          System.arraycopy(held, 0, pieces[1], 0, n);
          return 0;
        });
    model.weightsChanged();
  }

  /** Copies the averages into the model. */
  void copyToModel() {
    requireNotInUse();
    WeightLoops.copy(averages(), weights());
    model.weightsChanged();
  }

  private List<INDArray> averages() {
    return new ArrayList<>(average.values());
  }

  private List<INDArray> weights() {
    return new ArrayList<>(model.parameters().values());
  }

  @Override
  public void close() {
    average.values().forEach(INDArray::close);
  }
}
