package org.diffusion4j.unet;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.diffusion4j.Condition;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.internal.nn.Graphs;
import org.diffusion4j.unet.SameDiffDenoiser.Dropout;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The arrays of a denoiser call, checked and converted to the shapes of the graph's placeholders.
 */
final class DenoiserInputs implements AutoCloseable {

  private final Map<String, INDArray> placeholders = new LinkedHashMap<>();
  private final List<INDArray> made = new ArrayList<>();

  /**
   * @param step the training step whose noise the graph gets, or null
   * @throws IllegalArgumentException if a shape, a type, a timestep or the condition does not fit
   */
  DenoiserInputs(
      SameDiffDenoiser model,
      ConditionInputs conditions,
      NoiseInputs noise,
      INDArray xt,
      INDArray t,
      Condition condition,
      @Nullable Dropout step) {
    requireSamples(xt, model.sampleShape());
    int n = Math.toIntExact(xt.size(0));
    requireTimes(t, n, model.schedule());
    Condition.Takes.of(model).require(condition, n);
    placeholders.put(Graphs.SAMPLE, xt);
    placeholders.put(Graphs.TIMESTEP, t.reshape(n, 1));
    boolean done = false;
    try {
      if (model.classes() > 0) {
        addLabels(model, condition, n);
      }
      conditions.add(model.adapted(condition, made), placeholders, made);
      noise.add(n, step, placeholders, made);
      done = true;
    } finally {
      if (!done) {
        close();
      }
    }
  }

  private static void requireSamples(INDArray xt, long[] sampleShape) {
    boolean fits = xt.dataType() == DataType.FLOAT && xt.rank() == sampleShape.length + 1;
    fits = fits && xt.size(0) > 0;
    for (int d = 0; fits && d < sampleShape.length; d++) {
      fits = xt.size(d + 1) == sampleShape[d];
    }
    if (!fits) {
      String shape = Arrays.toString(sampleShape);
      throw new IllegalArgumentException(
          "samples must be FLOAT [n, " + shape.substring(1) + " but were " + describe(xt));
    }
  }

  private static void requireTimes(INDArray t, int n, NoiseSchedule schedule) {
    if (t.dataType() != DataType.FLOAT || t.rank() != 1 || t.size(0) != n) {
      throw new IllegalArgumentException(
          "timesteps must be FLOAT [" + n + "] but were " + describe(t));
    }
    int last = schedule.steps() - 1;
    for (int i = 0; i < n; i++) {
      float time = t.getFloat(i);
      if (schedule.isContinuous() && !Float.isFinite(time)) {
        throw new IllegalArgumentException("time must be finite but was " + time);
      }
      if (!schedule.isContinuous() && !(time >= 0 && time <= last)) {
        throw new IllegalArgumentException("timestep must be in [0, " + last + "] but was " + time);
      }
    }
  }

  private void addLabels(SameDiffDenoiser model, Condition condition, int n) {
    boolean unlabelled = condition.part(Condition.Labels.class).isEmpty() && model.hasNullClass();
    Condition labels = unlabelled ? Condition.label(Condition.UNLABELLED, n) : condition;
    INDArray encoded = model.encode(labels.labels());
    made.add(encoded);
    placeholders.put(Graphs.CLASS, encoded);
  }

  Map<String, INDArray> placeholders() {
    return placeholders;
  }

  static String describe(INDArray array) {
    return array.dataType() + " " + Arrays.toString(array.shape());
  }

  @Override
  public void close() {
    made.forEach(INDArray::close);
  }
}
