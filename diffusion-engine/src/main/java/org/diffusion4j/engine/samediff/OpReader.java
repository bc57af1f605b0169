package org.diffusion4j.engine.samediff;

import com.google.common.primitives.Longs;
import java.util.Arrays;
import java.util.List;
import org.diffusion4j.engine.graph.Activation;
import org.diffusion4j.engine.graph.Affine;
import org.diffusion4j.engine.graph.Binary;
import org.diffusion4j.engine.graph.DropoutOp;
import org.diffusion4j.engine.graph.Gather;
import org.diffusion4j.engine.graph.LayerNorm;
import org.diffusion4j.engine.graph.Matrices;
import org.diffusion4j.engine.graph.Product;
import org.diffusion4j.engine.graph.Shift;
import org.diffusion4j.engine.graph.Sinusoid;
import org.diffusion4j.engine.graph.Softmax;
import org.diffusion4j.engine.graph.Value;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ops.CustomOp;

/** Converts single operations to nodes; operations without a node of their own run in ND4J. */
final class OpReader {

  /**
   * Only prevents a division by 0. ND4J's layer norm has no epsilon and returns beta for a row of
   * equal values.
   */
  private static final double LAYER_NORM_EPS = 1e-30;

  private final Reading reading;
  private final Views views;
  private final ImageOps images;
  private final Nd4jReader nd4j;
  private final List<String> dropouts;
  private final boolean drops;

  /**
   * @param dropouts placeholders that stand for masks of dropout
   * @param drops whether to drop or to keep everything
   */
  OpReader(
      Reading reading, ImageOps images, Nd4jReader nd4j, List<String> dropouts, boolean drops) {
    this.reading = reading;
    this.images = images;
    this.nd4j = nd4j;
    this.dropouts = dropouts;
    this.drops = drops;
    views = new Views(reading, nd4j);
  }

  /** Adds the node of an operation. */
  void read(Op op) {
    if (op.is("multiply") && dropouts.contains(op.in().get(1))) {
      dropout(op, dropouts.indexOf(op.in().get(1)));
      return;
    }
    boolean floats =
        op.in().stream().allMatch(name -> reading.value(name).type() == DataType.FLOAT);
    boolean done = floats ? ofFloats(op) : withIntegers(op);
    if (!done) {
      nd4j.read(op);
    }
  }

  private boolean ofFloats(Op op) {
    return switch (op.kind()) {
      case "identity" -> views.identity(op);
      case "reshape" -> views.reshape(op);
      case "expand_dims", "squeeze" -> views.sizesOfOne(op);
      case "permute" -> views.permutation(op);
      case "concat" -> views.concat(op);
      case "split" -> views.split(op);
      case "conv2d" -> images.convolution(op);
      case "upsampling2d" -> images.upsampling(op);
      case "avgpool2d" -> images.pooling(op);
      case "matmul" -> matmul(op);
      case "softmax" -> softmax(op);
      case "layer_norm" -> layerNorm(op);
      case "swish" -> activation(op, Activation.Kind.SILU);
      case "sigmoid" -> activation(op, Activation.Kind.SIGMOID);
      case "tanh" -> activation(op, Activation.Kind.TANH);
      case "mish" -> activation(op, Activation.Kind.MISH);
      case "gelu" -> activation(op, Activation.Kind.QUICK_GELU);
      case "sin" -> sinusoid(op, false);
      case "cos" -> sinusoid(op, true);
      case "relu" -> op.scalar() == 0 && activation(op, Activation.Kind.RELU);
      case "mul_scalar" -> affine(op, op.scalar(), 0);
      case "div_scalar" -> affine(op, 1 / op.scalar(), 0);
      case "add_scalar" -> affine(op, 1, op.scalar());
      case "sub_scalar" -> affine(op, 1, -op.scalar());
      case "add" -> shift(op) || binary(op, Binary.Kind.ADD);
      case "subtract" -> binary(op, Binary.Kind.SUBTRACT);
      case "multiply" -> binary(op, Binary.Kind.MULTIPLY);
      default -> false;
    };
  }

  private boolean withIntegers(Op op) {
    return switch (op.kind()) {
      case "identity" -> views.identity(op);
      case "reshape" -> views.reshape(op);
      case "expand_dims", "squeeze" -> views.sizesOfOne(op);
      case "gather" -> gather(op);
      default -> false;
    };
  }

  private void dropout(Op op, int layer) {
    Value x = reading.image(reading.value(op.in().get(0)));
    if (drops) {
      reading.add(new DropoutOp(op.result(), layer, x, x.likeThis(op.result())));
    } else {
      reading.define(op.result(), x);
    }
  }

  private boolean gather(Op op) {
    Value table = reading.value(op.in().get(0));
    Value rows = reading.value(op.in().get(1));
    boolean ofRows = op.in().size() == 2 && Arrays.equals(op.integers(), new long[] {0});
    if (!ofRows || table.type() != DataType.FLOAT || table.rank() == 0 || rows.rank() == 0) {
      return false;
    }
    long[] row = Arrays.copyOfRange(table.shape(), 1, table.rank());
    long[] shape = Longs.concat(rows.shape(), row);
    reading.add(
        new Gather(reading.plain(table), rows, Value.plain(op.result(), DataType.FLOAT, shape)));
    return true;
  }

  private boolean activation(Op op, Activation.Kind kind) {
    Value x = reading.value(op.in().get(0));
    reading.add(new Activation(op.result(), kind, x, x.likeThis(op.result())));
    return true;
  }

  private boolean sinusoid(Op op, boolean cosine) {
    Value x = reading.value(op.in().get(0));
    reading.add(new Sinusoid(op.result(), cosine, x, x.likeThis(op.result())));
    return true;
  }

  private boolean softmax(Op op) {
    Value x = reading.plain(reading.value(op.in().get(0)));
    long[] axis = op.integers();
    boolean last = axis.length == 0 || axis[0] == -1 || axis[0] == x.rank() - 1;
    if (!last || x.rank() < 2) {
      return false;
    }
    reading.add(new Softmax(x, Value.plain(op.result(), DataType.FLOAT, x.shape())));
    return true;
  }

  private boolean layerNorm(Op op) {
    if (op.in().size() != 3) {
      return false;
    }
    Value x = reading.plain(reading.value(op.in().get(0)));
    Value gamma = reading.value(op.in().get(1));
    Value beta = reading.value(op.in().get(2));
    int last = x.rank() - 1;
    long[] axes = op.integers();
    boolean channelsFirst =
        op.function() instanceof CustomOp custom
            && custom.numBArguments() > 0
            && custom.getBArgument(0);
    boolean fits =
        last >= 1
            && axes.length == 1
            && (axes[0] == last || axes[0] == -1)
            && (last == 1 || !channelsFirst)
            && gamma.rank() == 1
            && gamma.size(0) == x.size(last)
            && beta.sameShape(gamma);
    if (fits) {
      reading.add(LayerNorm.of(op.result(), x, gamma, beta, LAYER_NORM_EPS));
    }
    return fits;
  }

  /** Products of matrices, or of as many pairs of them as both inputs have. */
  private boolean matmul(Op op) {
    long[] transposed = op.integers();
    Value a = reading.plain(reading.value(op.in().get(0)));
    Value b = reading.plain(reading.value(op.in().get(1)));
    int rank = a.rank();
    if (transposed.length != 3 || transposed[2] != 0 || rank < 2 || rank != b.rank()) {
      return false;
    }
    Matrices left = transposed[0] == 0 ? Matrices.of(a) : Matrices.of(a).transposed();
    Matrices right = transposed[1] == 0 ? Matrices.of(b) : Matrices.of(b).transposed();
    long[] shape = left.dims();
    shape[rank - 1] = right.columns();
    for (int d = 0; d < rank - 2; d++) {
      if (a.size(d) != b.size(d)) {
        return false;
      }
    }
    Value y = Value.plain(op.result(), DataType.FLOAT, shape);
    reading.add(new Product(1, left, right, null, Matrices.of(y)));
    return true;
  }

  private boolean affine(Op op, double alpha, double beta) {
    Value x = reading.value(op.in().get(0));
    if (x.type() != DataType.FLOAT) {
      return false;
    }
    reading.add(new Affine(op.result(), alpha, beta, x, x.likeThis(op.result())));
    return true;
  }

  /** Adds a weight whose dimensions are the last ones of the other term. */
  private boolean shift(Op op) {
    Value x = reading.value(op.in().get(0));
    Value b = reading.value(op.in().get(1));
    boolean fits = !x.isWeight() && b.isWeight() && b.rank() > 0 && b.rank() <= x.rank();
    boolean repeated = false;
    for (int d = 1; fits && d <= b.rank(); d++) {
      long size = b.size(b.rank() - d);
      repeated |= size != x.size(x.rank() - d);
      fits = !repeated || size == 1;
    }
    // What is repeated in the last dimension too is no part of x.
    if (!fits || b.size(b.rank() - 1) != x.size(x.rank() - 1)) {
      return false;
    }
    Value plain = reading.plain(x);
    Value y = Value.plain(op.result(), DataType.FLOAT, x.shape());
    reading.add(new Shift(op.result(), plain, b, y));
    return true;
  }

  private boolean binary(Op op, Binary.Kind kind) {
    Value a = reading.value(op.in().get(0));
    Value b = reading.value(op.in().get(1));
    if (!a.sameShape(b) || a.type() != DataType.FLOAT || b.type() != DataType.FLOAT) {
      return false;
    }
    if (a.channelsLast() != b.channelsLast()) {
      a = reading.image(a);
      b = reading.image(b);
    }
    reading.add(new Binary(op.result(), kind, a, b, a.likeThis(op.result())));
    return true;
  }
}
