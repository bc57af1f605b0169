package org.diffusion4j.plan;

import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.List;

/** The mean of all values: what a loss ends in. */
final class Mean extends Node {

  private final Value x;
  private final Value y;

  Mean(Value x, Value y) {
    super("mean " + x.name, List.of(x), List.of(y));
    this.x = x;
    this.y = y;
  }

  @Override
  boolean batchwise() {
    return false;
  }

  @Override
  void differentiate(Tape tape) {
    Value dx = x.likeThis(x.name + "-grad");
    tape.add(new Backward(tape.gradientOf(y), dx));
    tape.contribute(x, dx);
  }

  @Override
  Runnable bind(Workspace workspace) {
    int length = Math.toIntExact(x.length());
    FloatBuffer from = workspace.floats(x);
    FloatBuffer to = workspace.floats(y);
    return () -> {
      double sum = 0;
      for (int i = 0; i < length; i++) {
        sum += from.get(i);
      }
      to.put(0, (float) (sum / length));
    };
  }

  private static final class Backward extends Node {

    private final Value dy;
    private final Value dx;

    Backward(Value dy, Value dx) {
      super(dx.name, List.of(dy), List.of(dx));
      this.dy = dy;
      this.dx = dx;
    }

    @Override
    Runnable bind(Workspace workspace) {
      int length = Math.toIntExact(dx.length());
      FloatBuffer from = workspace.floats(dy);
      FloatBuffer to = workspace.floats(dx);
      float[] values = new float[length];
      return () -> {
        Arrays.fill(values, from.get(0) / length);
        to.put(0, values);
      };
    }
  }
}
