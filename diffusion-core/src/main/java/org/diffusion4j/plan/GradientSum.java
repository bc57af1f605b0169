package org.diffusion4j.plan;

import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Adds up the gradients of the parts of a batch, always in the same order. */
final class GradientSum {

  private static final int CHUNK = 1 << 14;

  private GradientSum() {}

  static void addTo(Workers workers, INDArray sum, List<INDArray> others) {
    long length = sum.length();
    long chunks = (length + CHUNK - 1) / CHUNK;
    int threads = workers.threads();
    List<Callable<Object>> tasks = new ArrayList<>();
    for (int i = 0; i < threads; i++) {
      long first = chunks * i / threads * CHUNK;
      long end = Math.min(length, chunks * (i + 1) / threads * CHUNK);
      tasks.add(
          () -> {
            add(sum, others, first, end);
            return "";
          });
    }
    workers.run(1, tasks);
  }

  private static void add(INDArray sum, List<INDArray> others, long first, long end) {
    float[] total = new float[CHUNK];
    float[] more = new float[CHUNK];
    for (long at = first; at < end; at += CHUNK) {
      int n = (int) Math.min(CHUNK, end - at);
      FloatBuffer here = Address.floats(Address.of(sum) + at * Float.BYTES, n);
      here.get(0, total, 0, n);
      for (INDArray other : others) {
        Address.floats(Address.of(other) + at * Float.BYTES, n).get(0, more, 0, n);
        for (int i = 0; i < n; i++) {
          total[i] += more[i];
        }
      }
      here.put(0, total, 0, n);
    }
  }
}
