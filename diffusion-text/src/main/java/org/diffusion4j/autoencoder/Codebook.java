package org.diffusion4j.autoencoder;

import org.nd4j.linalg.api.ndarray.INDArray;

/** The vectors of a {@link VQModel}. Immutable. */
final class Codebook {

  private final float[] vectors;
  private final int length;

  /**
   * @param table {@code [codes, channels]}; copied
   */
  Codebook(INDArray table) {
    vectors = FloatArrays.of(table);
    length = (int) table.size(1);
  }

  /**
   * The numbers of the nearest vectors, by their Euclidean distance; of several the first.
   *
   * @param latents {@code [n, channels, height, width]}
   */
  int[] indices(INDArray latents) {
    float[] values = FloatArrays.of(latents);
    int pixels = (int) (latents.size(2) * latents.size(3));
    int[] nearest = new int[values.length / length];
    for (int i = 0; i < nearest.length; i++) {
      nearest[i] = nearest(values, start(i, pixels), pixels);
    }
    return nearest;
  }

  /** The position of the first channel of a pixel, counted over all samples. */
  private int start(int pixel, int pixels) {
    return pixel / pixels * pixels * length + pixel % pixels;
  }

  private int nearest(float[] values, int start, int stride) {
    int best = 0;
    double least = Double.POSITIVE_INFINITY;
    for (int code = 0; code * length < vectors.length; code++) {
      double distance = 0;
      for (int c = 0; c < length; c++) {
        double difference = values[start + c * stride] - vectors[code * length + c];
        distance += difference * difference;
      }
      if (distance < least) {
        least = distance;
        best = code;
      }
    }
    return best;
  }

  /** A new array of the nearest vectors. */
  INDArray quantize(INDArray latents) {
    int[] nearest = indices(latents);
    int pixels = (int) (latents.size(2) * latents.size(3));
    float[] values = new float[Math.toIntExact(latents.length())];
    for (int i = 0; i < nearest.length; i++) {
      for (int c = 0; c < length; c++) {
        values[start(i, pixels) + c * pixels] = vectors[nearest[i] * length + c];
      }
    }
    return FloatArrays.array(values, latents.shape());
  }
}
