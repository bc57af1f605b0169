package org.diffusion4j.engine.graph;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A convolution with a bias and an optional addend.
 *
 * @param w a weight {@code [kH, kW, in, out]}
 * @param b a weight {@code [out]}
 * @param addend of the shape of {@code y}, or null; {@code y} does not share its memory, because
 *     kernels may store partial sums there
 * @param precision of its products
 */
public record Convolution(
    Geometry geometry,
    Value x,
    Value w,
    Value b,
    @Nullable Value addend,
    Value y,
    Precision precision)
    implements Node {

  /** Strides and paddings of height and width. */
  public record Geometry(List<Long> strides, List<Long> before, List<Long> after) {

    public Geometry {
      strides = List.copyOf(strides);
      before = List.copyOf(before);
      after = List.copyOf(after);
    }
  }

  @Override
  public String name() {
    return "convolution " + w.name();
  }

  @Override
  public List<Value> inputs() {
    return addend == null ? List.of(x, w, b) : List.of(x, w, b, addend);
  }

  @Override
  public List<Value> outputs() {
    return List.of(y);
  }

  @Override
  public void differentiate(Tape tape) {
    Value dy = tape.gradientOf(y);
    if (addend != null) {
      tape.contribute(addend, dy);
    }
    if (tape.wants(w) || tape.wants(b)) {
      Value dw = w.gradient();
      Value db = b.gradient();
      tape.add(new ConvolutionWeightGradient(this, dy, dw, db));
      tape.contribute(w, dw);
      tape.contribute(b, db);
    }
    if (tape.wants(x)) {
      Value dx = x.gradient();
      tape.add(new ConvolutionInputGradient(this, dy, dx));
      tape.contribute(x, dx);
    }
  }
}
