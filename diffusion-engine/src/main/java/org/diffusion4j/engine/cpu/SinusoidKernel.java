package org.diffusion4j.engine.cpu;

import java.nio.FloatBuffer;
import org.diffusion4j.engine.graph.Sinusoid;

/** Sines and cosines, computed in double: there are few of them, of angles up to 1000. */
final class SinusoidKernel {

  private SinusoidKernel() {}

  static Kernel of(Sinusoid node, KernelContext context) {
    boolean cosine = node.cosine();
    return (workspace, scratch) -> {
      FloatBuffer x = workspace.floats(node.x());
      FloatBuffer y = workspace.floats(node.y());
      return () -> {
        for (int i = 0; i < y.limit(); i++) {
          double angle = x.get(i);
          y.put(i, (float) (cosine ? Math.cos(angle) : Math.sin(angle)));
        }
      };
    };
  }

  static Kernel gradient(Sinusoid.Gradient node, KernelContext context) {
    boolean cosine = node.of().cosine();
    return (workspace, scratch) -> {
      FloatBuffer x = workspace.floats(node.of().x());
      FloatBuffer dy = workspace.floats(node.dy());
      FloatBuffer dx = workspace.floats(node.dx());
      return () -> {
        for (int i = 0; i < dx.limit(); i++) {
          double angle = x.get(i);
          dx.put(i, (float) (dy.get(i) * (cosine ? -Math.sin(angle) : Math.cos(angle))));
        }
      };
    };
  }
}
