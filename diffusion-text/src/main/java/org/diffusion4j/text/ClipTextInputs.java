package org.diffusion4j.text;

import org.diffusion4j.internal.text.ClipTextGraph;
import org.diffusion4j.text.ClipTextModel.Config;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The arrays that a model's graph reads; the caller closes them. */
final class ClipTextInputs {

  /** Added to the scores of padding: as good as nothing, but more than {@code LATER}. */
  private static final float PADDING = -1e9f;

  private final Config config;

  ClipTextInputs(Config config) {
    this.config = config;
  }

  /**
   * Ids, INT {@code [n, positions]}. Behind those of a text are zeros, which have no effect on it.
   */
  INDArray ids(int[][] ids) {
    int[][] padded = new int[ids.length][config.positions()];
    for (int i = 0; i < ids.length; i++) {
      System.arraycopy(ids[i], 0, padded[i], 0, ids[i].length);
    }
    return Nd4j.createFromArray(padded);
  }

  /** One-hot rows that select the state of a text, FLOAT {@code [n, 1, positions]}. */
  INDArray rows(int[][] ids) {
    float[][][] rows = new float[ids.length][1][config.positions()];
    for (int i = 0; i < ids.length; i++) {
      rows[i][0][pooledRow(ids[i], config.endId())] = 1;
    }
    return Nd4j.createFromArray(rows);
  }

  /**
   * The row whose state stands for a text: that of the first end id, or the first row if there is
   * none. Configurations of old releases have the end id 2, which stands for the largest id.
   */
  static int pooledRow(int[] ids, int endId) {
    int row = 0;
    for (int i = 0; i < ids.length; i++) {
      if (endId != 2 && ids[i] == endId) {
        return i;
      }
      row = endId == 2 && ids[i] > ids[row] ? i : row;
    }
    return row;
  }

  /**
   * What is added to the scores, FLOAT {@code [n, heads, positions, positions]}.
   *
   * @param mask 0 for padding, or null if there is none
   */
  INDArray bias(int @Nullable [][] mask, int n) {
    int positions = config.positions();
    float[][][][] bias = new float[n][config.heads()][positions][positions];
    for (int i = 0; i < n; i++) {
      for (int query = 0; query < positions; query++) {
        float[] row = bias[i][0][query];
        for (int key = 0; key < positions; key++) {
          boolean padding = mask != null && key < mask[i].length && mask[i][key] == 0;
          row[key] = key > query ? ClipTextGraph.LATER : padding ? PADDING : 0;
        }
        for (int head = 1; head < config.heads(); head++) {
          bias[i][head][query] = row;
        }
      }
    }
    return Nd4j.createFromArray(bias);
  }
}
