package org.diffusion4j.engine.samediff;

import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.diffusion4j.engine.graph.Activation;
import org.diffusion4j.engine.graph.Attention;
import org.diffusion4j.engine.graph.Convolution;
import org.diffusion4j.engine.graph.GroupNorm;
import org.diffusion4j.engine.graph.LayerNorm;
import org.diffusion4j.engine.graph.Matrices;
import org.diffusion4j.engine.graph.Product;
import org.diffusion4j.engine.graph.UnplannableException;
import org.diffusion4j.engine.graph.Value;
import org.diffusion4j.engine.samediff.AttentionPattern.AttentionMatch;
import org.diffusion4j.engine.samediff.AttentionPattern.Operand;
import org.diffusion4j.engine.samediff.Patterns.ImageAttentionMatch;
import org.diffusion4j.engine.samediff.Patterns.SumMatch;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.buffer.DataType;

/** Converts operations, and the groups of them that {@link Patterns} found, to nodes. */
final class GroupReader implements GraphWalk.Visitor {

  private final Reading reading;
  private final OpReader single;
  private final ImageOps images;

  GroupReader(Reading reading, OpReader single, ImageOps images) {
    this.reading = reading;
    this.single = single;
    this.images = images;
  }

  @Override
  public void operation(Op op) {
    single.read(op);
  }

  @Override
  public void groupNorm(GroupNormMatch m) {
    Value x = reading.image(reading.value(m.x()));
    long channels = x.rank() == 4 ? x.size(1) : 0;
    boolean fits =
        x.rank() == 4
            && channels % m.groups() == 0
            && reading.value(m.gamma()).length() == channels
            && reading.value(m.beta()).length() == channels
            && m.groupSize() == channels / m.groups() * x.size(2) * x.size(3);
    if (!fits) {
      throw new UnplannableException(m.x() + " is normalised in no way that is known");
    }
    Value y = Value.activation(m.group().result(), x.shape());
    reading.add(
        GroupNorm.of(
            new GroupNorm.Inputs(
                x,
                rows(m.bias(), x),
                reading.value(m.gamma()),
                reading.value(m.beta()),
                rows(m.scale(), x),
                rows(m.shift(), x)),
            m.groups(),
            m.eps(),
            m.silu(),
            y));
  }

  /** A value with one element per sample and channel of an image. */
  private @Nullable Value rows(@Nullable String name, Value image) {
    if (name == null) {
      return null;
    }
    Value value = reading.value(name);
    if (value.isWeight() || value.length() != image.size(0) * image.size(1)) {
      throw new UnplannableException(name + " is not one value for each sample and channel");
    }
    return value.view(name, image.size(0), image.size(1));
  }

  @Override
  public void layerNorm(LayerNormMatch m) {
    Value x = reading.plain(reading.value(m.x()));
    Value gamma = reading.value(m.gamma());
    Value beta = reading.value(m.beta());
    boolean fits =
        m.dimension() == x.rank() - 1
            && x.rank() >= 2
            && gamma.rank() == 1
            && gamma.size(0) == x.size(m.dimension())
            && beta.sameShape(gamma);
    if (!fits) {
      throw new UnplannableException(m.x() + " is normalised in no way that is known");
    }
    reading.add(LayerNorm.of(m.group().result(), x, gamma, beta, m.eps()));
  }

  @Override
  public void activation(ActivationMatch m) {
    Value x = reading.value(m.x());
    String result = m.group().result();
    reading.add(new Activation(result, m.kind(), x, x.likeThis(result)));
  }

  void attention(ImageAttentionMatch m) {
    Value q = reading.image(reading.value(m.q()));
    Value k = reading.image(reading.value(m.k()));
    Value v = reading.image(reading.value(m.v()));
    String name = m.group().result();
    if (q.rank() != 4 || !q.sameShape(k) || !q.sameShape(v) || q.size(1) % m.headChannels() != 0) {
      throw new UnplannableException(name + " is no attention that is known");
    }
    long heads = q.size(1) / m.headChannels();
    Value y = Value.activation(name, q.shape());
    reading.add(
        new Attention(
            m.factor(),
            Matrices.heads(q, heads),
            Matrices.heads(k, heads),
            Matrices.heads(v, heads),
            null,
            Matrices.heads(y, heads)));
  }

  /** An attention, or its operations if the operands have other layouts than kernels need. */
  void attention(AttentionMatch m, Ops ops) {
    Optional<Attention> fused = attentionNode(m);
    if (fused.isPresent()) {
      reading.add(fused.get());
    } else {
      ops.ordered().stream().filter(m.group().members()::contains).forEach(single::read);
    }
  }

  private Optional<Attention> attentionNode(AttentionMatch m) {
    Matrices q = matrices(m.q());
    Matrices k = matrices(m.k());
    Matrices v = matrices(m.v());
    if (q == null || k == null || v == null || !fit(q, k, v)) {
      return Optional.empty();
    }
    long[] dims = q.dims();
    dims[q.rank() - 1] = k.dim(k.rank() - 2);
    Value mask = m.mask() == null ? null : reading.plain(reading.value(m.mask()));
    if (mask != null && (mask.type() != DataType.FLOAT || !Matrices.canRepeat(mask, dims))) {
      return Optional.empty();
    }
    long[] shape = q.dims();
    shape[q.rank() - 1] = v.columns();
    Matrices y = result(m, shape);
    return Optional.of(
        new Attention(
            m.factor(),
            samples(q),
            samples(k),
            samples(v),
            mask == null ? null : samples(Matrices.repeated(mask, dims)),
            samples(y)));
  }

  /** The view of an operand as matrices with contiguous rows, or null. */
  private @Nullable Matrices matrices(Operand operand) {
    Value value = reading.plain(reading.value(operand.name()));
    boolean known = value.type() == DataType.FLOAT && !value.isWeight() && value.rank() >= 3;
    if (!known || (operand.order() != null && operand.order().size() != value.rank())) {
      return null;
    }
    Matrices all = Matrices.of(value);
    Matrices ordered = operand.order() == null ? all : all.permuted(operand.order());
    Matrices matrices = operand.transposed() ? ordered.transposed() : ordered;
    return matrices.byRows() ? matrices : null;
  }

  private boolean fit(Matrices q, Matrices k, Matrices v) {
    int rank = q.rank();
    boolean fit = rank <= 4 && k.rank() == rank && v.rank() == rank;
    for (int d = 0; fit && d < rank - 2; d++) {
      fit = k.dim(d) == q.dim(d) && v.dim(d) == q.dim(d);
    }
    return fit
        && q.dim(0) % reading.batch() == 0
        && k.columns() == q.columns()
        && v.dim(rank - 2) == k.dim(rank - 2);
  }

  /** The result of an attention as matrices of a shape, stored as the graph has it. */
  private static Matrices result(AttentionMatch m, long[] shape) {
    String name = m.group().result();
    List<Integer> order = m.order();
    if (order == null) {
      return Matrices.of(Value.plain(name, DataType.FLOAT, shape));
    }
    long[] stored = order.stream().mapToLong(d -> shape[d]).toArray();
    List<Integer> back = IntStream.range(0, shape.length).map(order::indexOf).boxed().toList();
    return Matrices.of(Value.plain(name, DataType.FLOAT, stored)).permuted(back);
  }

  /** Matrices by sample and head. */
  private Matrices samples(Matrices matrices) {
    return matrices.rank() == 3 ? matrices.divided(reading.batch()) : matrices;
  }

  void convolutionSum(SumMatch m, Op sum) {
    Value addend = reading.value(m.addend());
    Optional<Convolution> fused =
        images.convolution(
            m.operation(), addend.rank() == 4 ? reading.image(addend) : addend, sum.result());
    if (fused.isPresent()) {
      reading.add(fused.get());
    } else {
      single.read(m.operation());
      single.read(sum);
    }
  }

  void dense(SumMatch m, Op sum) {
    Value bias = reading.value(m.addend());
    Op product = m.operation();
    Value x = reading.value(product.in().get(0));
    Value w = reading.value(product.in().get(1));
    long[] transposed = product.integers();
    boolean dense =
        x.rank() == 2
            && w.rank() == 2
            && transposed.length == 3
            && transposed[0] == 0
            && transposed[2] == 0;
    if (dense && bias.isWeight() && bias.rank() == 1) {
      Matrices columns = Matrices.of(w);
      Matrices matrix = transposed[1] == 0 ? columns : columns.transposed();
      if (bias.size(0) == matrix.columns()) {
        Value y = Value.plain(sum.result(), DataType.FLOAT, x.size(0), matrix.columns());
        reading.add(new Product(1, Matrices.of(x), matrix, bias, Matrices.of(y)));
        return;
      }
    }
    single.read(product);
    single.read(sum);
  }
}
