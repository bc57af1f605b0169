package org.diffusion4j.engine.graph;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Scaled dot-product attention (Vaswani et al. 2017, equation 1): {@code y = softmax(factor q k^T +
 * mask) v}. The product of q and k is not kept, so that memory does not grow with its size; the
 * gradient computes it again (Dao et al. 2022).
 *
 * @param q queries {@code [batch, heads, rows, width]}
 * @param k keys {@code [batch, heads, columns, width]}
 * @param v values {@code [batch, heads, columns, width of y]}
 * @param mask {@code [batch, heads, rows, columns]}, with strides 0 where it is repeated, or null;
 *     it has no gradient
 * @param y {@code [batch, heads, rows, width of y]}; rows of all four are contiguous
 */
public record Attention(
    double factor, Matrices q, Matrices k, Matrices v, @Nullable Matrices mask, Matrices y)
    implements Node {

  @Override
  public String name() {
    return "attention " + y.value().name();
  }

  @Override
  public List<Value> inputs() {
    return GroupNorm.present(q.value(), k.value(), v.value(), mask == null ? null : mask.value());
  }

  @Override
  public List<Value> outputs() {
    return List.of(y.value());
  }

  /** The queries, each of which is read only before its result is written. */
  @Override
  public List<Value> overwritable() {
    Storage storage = q.value().storage().root();
    boolean readByOthers =
        storage == k.value().storage().root() || storage == v.value().storage().root();
    return q.sameAs(y) && !readByOthers ? List.of(q.value()) : List.of();
  }

  /** Not if each sample has a part of a constant mask of its own. */
  @Override
  public boolean divisible() {
    return mask == null || !mask.value().isWeight() || mask.dim(0) == 1 || mask.strides()[0] == 0;
  }

  @Override
  public void differentiate(Tape tape) {
    if (mask != null && tape.wants(mask.value())) {
      throw new UnplannableException("the gradient of the mask of " + name() + " is wanted");
    }
    Value dq = q.value().gradient();
    Value dk = k.value().gradient();
    Value dv = v.value().gradient();
    Matrices dy = y.in(tape.gradientOf(y.value()));
    tape.add(new Gradient(this, dy, q.in(dq), k.in(dk), v.in(dv)));
    tape.contribute(q.value(), dq);
    tape.contribute(k.value(), dk);
    tape.contribute(v.value(), dv);
  }

  /** The gradients of an attention. */
  public record Gradient(Attention of, Matrices dy, Matrices dq, Matrices dk, Matrices dv)
      implements Node {

    @Override
    public String name() {
      return "gradient of " + of.name();
    }

    @Override
    public List<Value> inputs() {
      return GroupNorm.present(
          of.q.value(),
          of.k.value(),
          of.v.value(),
          of.mask == null ? null : of.mask.value(),
          dy.value());
    }

    @Override
    public List<Value> outputs() {
      return List.of(dq.value(), dk.value(), dv.value());
    }
  }
}
