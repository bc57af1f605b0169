package org.diffusion4j.autoencoder;

import java.util.ArrayList;
import java.util.List;
import java.util.function.UnaryOperator;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.indexing.NDArrayIndex;

/**
 * Runs a network on overlapping tiles and blends the results, as diffusers does: the first rows and
 * columns of a tile pass linearly from its neighbours, above first and then on the left, which are
 * blended already.
 */
final class Tiling {

  private static final double OVERLAP = 0.25;

  /** The least size of a tile that overlaps. */
  static final int LEAST_TILE = 2;

  private final UnaryOperator<INDArray> network;
  private final int least;
  private final int inputTile;
  private final int stride;
  private final int blended;
  private final int kept;

  /**
   * @param network of one tile; its result belongs to this
   * @param least height and width that the network takes
   * @param inputTile height and width of a tile of the input
   * @param outputTile height and width of a tile of the output
   */
  Tiling(UnaryOperator<INDArray> network, int least, int inputTile, int outputTile) {
    this.network = network;
    this.least = least;
    this.inputTile = inputTile;
    stride = (int) (inputTile * (1 - OVERLAP));
    blended = (int) (outputTile * OVERLAP);
    kept = outputTile - blended;
  }

  /**
   * The result for a batch.
   *
   * @throws IllegalArgumentException if the last row or column of tiles is too small
   */
  INDArray run(INDArray x) {
    requireLastTile("height", x.size(2));
    requireLastTile("width", x.size(3));
    List<List<Tile>> rows = new ArrayList<>();
    List<Tile> above = List.of();
    for (long top = 0; top < x.size(2); top += stride) {
      List<Tile> row = new ArrayList<>();
      for (long left = 0; left < x.size(3); left += stride) {
        Tile tile = tile(x, top, left);
        int column = row.size();
        if (!above.isEmpty()) {
          tile.blendBelow(above.get(column), blended);
        }
        if (column > 0) {
          tile.blendRightOf(row.get(column - 1), blended);
        }
        row.add(tile);
      }
      rows.add(row);
      above = row;
    }
    return assembled(rows, x.size(0));
  }

  private void requireLastTile(String what, long size) {
    long last = (size - 1) % stride + 1;
    if (last < least) {
      throw new IllegalArgumentException(
          "last tile must have a "
              + what
              + " of at least "
              + least
              + " but has "
              + last
              + ", because tiles start every "
              + stride
              + " of "
              + size);
    }
  }

  private Tile tile(INDArray x, long top, long left) {
    long bottom = Math.min(top + inputTile, x.size(2));
    long right = Math.min(left + inputTile, x.size(3));
    try (INDArray part =
            x.get(
                    NDArrayIndex.all(),
                    NDArrayIndex.all(),
                    NDArrayIndex.interval(top, bottom),
                    NDArrayIndex.interval(left, right))
                .dup('c');
        INDArray y = network.apply(part)) {
      return new Tile(y);
    }
  }

  private INDArray assembled(List<List<Tile>> rows, long n) {
    int height = rows.stream().mapToInt(row -> shown(row.get(0).height)).sum();
    int width = rows.get(0).stream().mapToInt(tile -> shown(tile.width)).sum();
    int planes = rows.get(0).get(0).planes;
    float[] all = new float[Math.multiplyExact(planes, Math.multiplyExact(height, width))];
    int top = 0;
    for (List<Tile> row : rows) {
      int left = 0;
      for (Tile tile : row) {
        for (int p = 0; p < planes; p++) {
          for (int i = 0; i < shown(tile.height); i++) {
            int to = (p * height + top + i) * width + left;
            System.arraycopy(tile.values, tile.at(p, i, 0), all, to, shown(tile.width));
          }
        }
        left += shown(tile.width);
      }
      top += shown(row.get(0).height);
    }
    return FloatArrays.array(all, n, planes / n, height, width);
  }

  private int shown(int size) {
    return Math.min(size, kept);
  }

  /** The result for a tile, {@code [planes, height, width]}. */
  private static final class Tile {

    final float[] values;
    final int planes;
    final int height;
    final int width;

    Tile(INDArray y) {
      values = FloatArrays.of(y);
      planes = (int) (y.size(0) * y.size(1));
      height = (int) y.size(2);
      width = (int) y.size(3);
    }

    int at(int plane, int row, int column) {
      return (plane * height + row) * width + column;
    }

    void blendBelow(Tile above, int most) {
      int n = Math.min(most, Math.min(above.height, height));
      for (int p = 0; p < planes; p++) {
        for (int i = 0; i < n; i++) {
          for (int j = 0; j < width; j++) {
            blend(at(p, i, j), above.values[above.at(p, above.height - n + i, j)], i, n);
          }
        }
      }
    }

    void blendRightOf(Tile left, int most) {
      int n = Math.min(most, Math.min(left.width, width));
      for (int p = 0; p < planes; p++) {
        for (int i = 0; i < height; i++) {
          for (int j = 0; j < n; j++) {
            blend(at(p, i, j), left.values[left.at(p, i, left.width - n + j)], j, n);
          }
        }
      }
    }

    private void blend(int at, float neighbour, int step, int steps) {
      double share = (double) step / steps;
      values[at] = neighbour * (float) (1 - share) + values[at] * (float) share;
    }
  }
}
