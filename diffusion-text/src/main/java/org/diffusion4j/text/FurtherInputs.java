package org.diffusion4j.text;

import java.util.Map;
import java.util.TreeMap;
import org.diffusion4j.Condition;
import org.diffusion4j.unet.UNet2DConditionModel;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** What some networks get beside texts and pictures. */
final class FurtherInputs {

  /** The longest period of a sinusoid. */
  private static final double LONGEST = 10_000;

  private FurtherInputs() {}

  /**
   * The inputs of a batch.
   *
   * @param height of the pictures
   * @param width of the pictures
   */
  static Condition of(
      Parts parts, ImageSettings settings, int n, int height, int width, Owned owned) {
    Map<String, INDArray> inputs = new TreeMap<>();
    if (parts.hasInput(Parts.SIZES_INPUT)) {
      inputs.put(Parts.SIZES_INPUT, owned.add(sizes(settings, n, height, width)));
    }
    if (parts.hasInput(Parts.GUIDANCE_INPUT)
        && parts.network() instanceof UNet2DConditionModel network
        && network.config().toJson().get("time_cond_proj_dim") instanceof Number length) {
      double scale = settings.guidanceScale.orElse(parts.guidance());
      inputs.put(Parts.GUIDANCE_INPUT, owned.add(guidance(scale, n, length.intValue())));
    }
    return inputs.isEmpty() ? Condition.none() : Condition.inputs(inputs);
  }

  /** The sizes of Stable Diffusion XL (Podell et al. 2023, section 2.2). */
  private static INDArray sizes(ImageSettings settings, int n, int height, int width) {
    int[] own = {height, width};
    int[] original = settings.originalSize == null ? own : settings.originalSize;
    int[] target = settings.targetSize == null ? own : settings.targetSize;
    float[] row = {
      original[0],
      original[1],
      settings.cropTopLeft[0],
      settings.cropTopLeft[1],
      target[0],
      target[1]
    };
    return repeated(row, n);
  }

  /** A sinusoid of the guidance scale (Luo et al. 2023, section 4.2; Meng et al. 2023). */
  private static INDArray guidance(double scale, int n, int length) {
    float[] row = new float[length];
    int half = length / 2;
    for (int i = 0; i < half; i++) {
      double frequency = Math.exp(-Math.log(LONGEST) * i / (half - 1));
      double angle = (scale - 1) * 1000 * frequency;
      row[i] = (float) Math.sin(angle);
      row[half + i] = (float) Math.cos(angle);
    }
    return repeated(row, n);
  }

  private static INDArray repeated(float[] row, int n) {
    float[] all = new float[n * row.length];
    for (int i = 0; i < n; i++) {
      System.arraycopy(row, 0, all, i * row.length, row.length);
    }
    return Nd4j.create(all, new long[] {n, row.length}, 'c');
  }
}
