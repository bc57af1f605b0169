package org.diffusion4j.pretrained;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Converts weights between PyTorch's layout and ours.
 *
 * <p>PyTorch's linear weights are {@code [out, in]} and its convolutions {@code [out, in, kH, kW]};
 * the graphs of this library have {@code [in, out]} and {@code [kH, kW, in, out]}. Embedding tables
 * have the same layout.
 */
final class TorchLayout {

  private static final Set<String> TABLES = Set.of("class_embedding.weight", "time_proj.weight");

  /** The names of attention weights before diffusers 0.12, and since. */
  private static final List<Map.Entry<String, String>> OLD_ATTENTION =
      List.of(
          Map.entry(".query.", ".to_q."),
          Map.entry(".key.", ".to_k."),
          Map.entry(".value.", ".to_v."),
          Map.entry(".proj_attn.", ".to_out.0."));

  private TorchLayout() {}

  /** The current name of a weight. */
  static String modernName(String name) {
    if (name.contains(".attentions.")) {
      for (Map.Entry<String, String> renaming : OLD_ATTENTION) {
        if (name.contains(renaming.getKey())) {
          return name.replace(renaming.getKey(), renaming.getValue());
        }
      }
    }
    return name;
  }

  /** A view of one of our weights in PyTorch's layout. */
  static INDArray toTorch(String name, INDArray weight) {
    return switch (TABLES.contains(name) ? 1 : weight.rank()) {
      case 2 -> weight.permute(1, 0);
      case 4 -> weight.permute(3, 2, 0, 1);
      default -> weight;
    };
  }

  /** A view of one of PyTorch's weights in this library's layout. */
  static INDArray fromTorch(String name, INDArray weight) {
    return switch (TABLES.contains(name) ? 1 : weight.rank()) {
      case 2 -> weight.permute(1, 0);
      case 4 -> weight.permute(2, 3, 1, 0);
      default -> weight;
    };
  }

  /** The shape of one of our weights in PyTorch's layout. */
  static long[] torchShape(String name, long[] shape) {
    return switch (TABLES.contains(name) ? 1 : shape.length) {
      case 2 -> new long[] {shape[1], shape[0]};
      case 4 -> new long[] {shape[3], shape[2], shape[0], shape[1]};
      default -> shape;
    };
  }
}
