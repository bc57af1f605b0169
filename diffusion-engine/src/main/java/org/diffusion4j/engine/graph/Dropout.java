package org.diffusion4j.plan;

import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.util.List;
import org.diffusion4j.internal.Address;

/** Drops values of images by the masks of the call. Its gradient is the same of the gradient. */
final class DropoutLayer extends Node {

  private final int number;
  private final Value x;
  private final Value y;

  /**
   * @param number of the layer
   * @param x an image
   */
  DropoutLayer(String name, int number, Value x, Value y) {
    super(name, List.of(x), List.of(y));
    this.number = number;
    this.x = x;
    this.y = y;
  }

  @Override
  List<Value> overwritable() {
    return List.of(x);
  }

  @Override
  void differentiate(Tape tape) {
    Value dx = x.likeThis(x.name + "-grad");
    tape.add(new DropoutLayer(dx.name, number, tape.gradientOf(y), dx));
    tape.contribute(x, dx);
  }

  @Override
  Runnable bind(Workspace workspace) {
    FloatBuffer from = workspace.floats(x);
    FloatBuffer to = workspace.floats(y);
    IntBuffer toBits = Address.ints(workspace.address(y), y.length());
    float[] a = workspace.heap(0, DropoutMasks.TILE);
    int[] bits = new int[DropoutMasks.TILE];
    int samples = Math.toIntExact(x.size(0));
    int size = Math.toIntExact(x.length() / samples);
    return () -> {
      DropoutMasks masks = workspace.masks();
      float factor = masks.factor();
      for (int sample = 0; sample < samples; sample++) {
        for (int start = 0; start < size; start += DropoutMasks.TILE) {
          int n = Math.min(DropoutMasks.TILE, size - start);
          int at = sample * size + start;
          from.get(at, a, 0, n);
          Loops.scale(a, factor, n);
          to.put(at, a, 0, n);
          toBits.get(at, bits, 0, n);
          masks.drop(bits, n, number, workspace.firstSample() + sample, start / DropoutMasks.TILE);
          toBits.put(at, bits, 0, n);
        }
      }
    };
  }
}
