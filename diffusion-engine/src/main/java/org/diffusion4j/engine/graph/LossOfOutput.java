package org.diffusion4j.plan;

import java.nio.FloatBuffer;
import java.util.List;
import org.diffusion4j.internal.Workers;

/** Where forward ends and backward begins: the caller's loss gives the output's gradient. */
final class LossOfOutput extends Node {

  private final Value output;
  private final Value gradient;
  private final int samples;
  private final int length;

  LossOfOutput(Value output, Value gradient) {
    super("loss of " + output.name, List.of(output), List.of(gradient));
    this.output = output;
    this.gradient = gradient;
    samples = Math.toIntExact(output.size(0));
    length = Math.toIntExact(output.length() / samples);
  }

  @Override
  List<Value> overwritable() {
    return List.of(output);
  }

  @Override
  Runnable bind(Workspace workspace) {
    FloatBuffer from = workspace.floats(output);
    FloatBuffer to = workspace.floats(gradient);
    float[] inMemory = new float[length];
    float[] y = new float[length];
    float[] dy = new float[length];
    Runnable ask =
        () -> {
          for (int i = 0; i < samples; i++) {
            from.get(i * length, inMemory);
            toCOrder(inMemory, y);
            workspace.losses().ask(workspace.firstSample() + i, y, dy);
            fromCOrder(dy, inMemory);
            to.put(i * length, inMemory);
          }
        };
    return () -> Workers.callback(ask);
  }

  private void toCOrder(float[] inMemory, float[] ordered) {
    if (output.isPlain()) {
      System.arraycopy(inMemory, 0, ordered, 0, length);
    } else {
      transpose(inMemory, pixels(), channels(), ordered);
    }
  }

  private void fromCOrder(float[] ordered, float[] inMemory) {
    if (output.isPlain()) {
      System.arraycopy(ordered, 0, inMemory, 0, length);
    } else {
      transpose(ordered, channels(), pixels(), inMemory);
    }
  }

  private int channels() {
    return Math.toIntExact(output.size(1));
  }

  private int pixels() {
    return length / channels();
  }

  private static void transpose(float[] from, int rows, int columns, float[] to) {
    for (int column = 0; column < columns; column++) {
      for (int row = 0; row < rows; row++) {
        to[column * rows + row] = from[row * columns + column];
      }
    }
  }
}
