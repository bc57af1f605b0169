package org.diffusion4j.engine.cpu;

import java.nio.FloatBuffer;
import java.util.List;
import org.diffusion4j.engine.graph.Concat;
import org.diffusion4j.engine.graph.Split;
import org.diffusion4j.engine.graph.Value;

/** Kernels that join or split channels or features. */
final class ChannelKernels {

  private ChannelKernels() {}

  static Kernel concat(Concat node, KernelContext context) {
    return (workspace, scratch) -> new Copy(node.parts(), node.whole(), workspace)::join;
  }

  static Kernel split(Split node, KernelContext context) {
    return (workspace, scratch) -> new Copy(node.parts(), node.whole(), workspace)::split;
  }

  private static final class Copy {

    private final FloatBuffer whole;
    private final FloatBuffer[] parts;
    private final int[] widths;
    private final int batch;
    private final int channels;
    private final int size;
    private final int pixels;
    private final float[] rows;
    private final float[] piece;

    Copy(List<Value> parts, Value whole, CpuWorkspace workspace) {
      batch = Math.toIntExact(whole.size(0));
      channels = Math.toIntExact(whole.size(1));
      size = Math.toIntExact(whole.length() / batch);
      pixels = size / channels;
      widths = parts.stream().mapToInt(part -> Math.toIntExact(part.size(1))).toArray();
      this.whole = workspace.floats(whole);
      this.parts = parts.stream().map(workspace::floats).toArray(FloatBuffer[]::new);
      rows = workspace.heap(0, size);
      piece = workspace.heap(1, size);
    }

    void join() {
      for (int sample = 0; sample < batch; sample++) {
        int at = 0;
        for (int i = 0; i < parts.length; i++) {
          int width = widths[i];
          int length = pixels * width;
          parts[i].get(sample * length, piece, 0, length);
          for (int p = 0; p < pixels; p++) {
            System.arraycopy(piece, p * width, rows, p * channels + at, width);
          }
          at += width;
        }
        whole.put(sample * size, rows, 0, size);
      }
    }

    void split() {
      for (int sample = 0; sample < batch; sample++) {
        whole.get(sample * size, rows, 0, size);
        int at = 0;
        for (int i = 0; i < parts.length; i++) {
          int width = widths[i];
          int length = pixels * width;
          for (int p = 0; p < pixels; p++) {
            System.arraycopy(rows, p * channels + at, piece, p * width, width);
          }
          parts[i].put(sample * length, piece, 0, length);
          at += width;
        }
      }
    }
  }
}
