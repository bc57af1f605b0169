package org.diffusion4j.internal.files;

import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * Converts weights between PyTorch's layout and ours.
 *
 * <p>PyTorch's linear weights are {@code [out, in]} and its convolutions {@code [out, in, kH, kW]};
 * the graphs of this library have {@code [in, out]} and {@code [kH, kW, in, out]}. Embedding tables
 * have the same layout.
 */
public final class TorchLayout {

  /** Embedding tables are stored as they are. */
  private static final Pattern TABLE =
      Pattern.compile(
          "class_embedding\\.weight|time_proj\\.weight"
              + "|(.*\\.)?(token|position)_embedding\\.weight|quantize\\.embedding\\.weight");

  /** The names of attention weights before diffusers 0.12, and since. */
  private static final List<Map.Entry<String, String>> OLD_ATTENTION =
      List.of(
          Map.entry(".query.", ".to_q."),
          Map.entry(".key.", ".to_k."),
          Map.entry(".value.", ".to_v."),
          Map.entry(".proj_attn.", ".to_out.0."));

  private TorchLayout() {}

  /** The current name of a weight. */
  public static String modernName(String name) {
    if (name.contains(".attentions.")) {
      for (Map.Entry<String, String> renaming : OLD_ATTENTION) {
        if (name.contains(renaming.getKey())) {
          return name.replace(renaming.getKey(), renaming.getValue());
        }
      }
    }
    return name;
  }

  private static boolean isTable(String name) {
    return TABLE.matcher(name).matches();
  }

  /** A view of one of our weights in PyTorch's layout. */
  public static INDArray toTorch(String name, INDArray weight) {
    return switch (isTable(name) ? 1 : weight.rank()) {
      case 2 -> weight.permute(1, 0);
      case 4 -> weight.permute(3, 2, 0, 1);
      default -> weight;
    };
  }

  /** A view of one of PyTorch's weights in this library's layout. */
  public static INDArray fromTorch(String name, INDArray weight) {
    return switch (isTable(name) ? 1 : weight.rank()) {
      case 2 -> weight.permute(1, 0);
      case 4 -> weight.permute(2, 3, 1, 0);
      default -> weight;
    };
  }

  /** The shape of one of our weights in PyTorch's layout. */
  public static long[] torchShape(String name, long[] shape) {
    return switch (isTable(name) ? 1 : shape.length) {
      case 2 -> new long[] {shape[1], shape[0]};
      case 4 -> new long[] {shape[3], shape[2], shape[0], shape[1]};
      default -> shape;
    };
  }
}
