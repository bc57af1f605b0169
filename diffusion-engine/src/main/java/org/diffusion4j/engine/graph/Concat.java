package org.diffusion4j.plan;

import java.nio.FloatBuffer;
import java.util.List;

/** Joins channels or features, or takes them apart: the one is the gradient of the other. */
final class Concat extends Node {

  private final List<Value> parts;
  private final Value whole;
  private final boolean join;

  private Concat(String name, List<Value> parts, Value whole, boolean join) {
    super(name, join ? parts : List.of(whole), join ? List.of(whole) : parts);
    this.parts = List.copyOf(parts);
    this.whole = whole;
    this.join = join;
  }

  /** Of values {@code [batch, channels, ...]} along dimension 1. */
  static Concat join(String name, List<Value> parts, Value whole) {
    return new Concat(name, parts, whole, true);
  }

  /** The reverse of {@link #join}. */
  static Concat split(String name, Value whole, List<Value> parts) {
    return new Concat(name, parts, whole, false);
  }

  @Override
  boolean batchwise() {
    return parts.stream().noneMatch(Value::isWeight);
  }

  @Override
  void differentiate(Tape tape) {
    if (join) {
      Value dy = tape.gradientOf(whole);
      List<Value> gradients =
          parts.stream().map(part -> part.likeThis(part.name + "-grad")).toList();
      tape.add(split(dy.name + "-split", dy, gradients));
      for (int i = 0; i < parts.size(); i++) {
        tape.contribute(parts.get(i), gradients.get(i));
      }
    } else {
      Value dx = whole.likeThis(whole.name + "-grad");
      tape.add(join(dx.name, parts.stream().map(part -> gradient(tape, part)).toList(), dx));
      tape.contribute(whole, dx);
    }
  }

  /** The gradient of a part, which is zero if nobody uses it. */
  private static Value gradient(Tape tape, Value part) {
    Value known = tape.gradient(part);
    if (known != null) {
      return known;
    }
    Value zeros = part.likeThis(part.name + "-grad");
    tape.add(Eltwise.linear(zeros.name, 0, 0, part, zeros));
    return zeros;
  }

  @Override
  Runnable bind(Workspace workspace) {
    int batch = Math.toIntExact(whole.size(0));
    int channels = Math.toIntExact(whole.size(1));
    int size = Math.toIntExact(whole.length() / batch);
    FloatBuffer one = workspace.floats(whole);
    float[] rows = workspace.heap(0, size);
    int[] widths = parts.stream().mapToInt(part -> Math.toIntExact(part.size(1))).toArray();
    FloatBuffer[] many = parts.stream().map(workspace::floats).toArray(FloatBuffer[]::new);
    float[] piece = workspace.heap(1, size);
    int pixels = size / channels;
    return () -> {
      for (int sample = 0; sample < batch; sample++) {
        if (!join) {
          one.get(sample * size, rows, 0, size);
        }
        int at = 0;
        for (int i = 0; i < many.length; i++) {
          int width = widths[i];
          int length = pixels * width;
          if (join) {
            many[i].get(sample * length, piece, 0, length);
            for (int p = 0; p < pixels; p++) {
              System.arraycopy(piece, p * width, rows, p * channels + at, width);
            }
          } else {
            for (int p = 0; p < pixels; p++) {
              System.arraycopy(rows, p * channels + at, piece, p * width, width);
            }
            many[i].put(sample * length, piece, 0, length);
          }
          at += width;
        }
        if (join) {
          one.put(sample * size, rows, 0, size);
        }
      }
    };
  }
}
