package org.diffusion4j.pretrained;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.diffusion4j.reference.ReferenceCases.distance;
import static org.diffusion4j.reference.ReferenceCases.doubles;
import static org.diffusion4j.reference.ReferenceCases.object;

import java.util.List;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/** Compares gradients with those of a reference case. */
public final class ReferenceGradients {

  private static final double TOLERANCE = 5e-5;
  private static final double ZERO = 1e-6;

  private ReferenceGradients() {}

  /**
   * Compares the gradients of all weights.
   *
   * @param actual by name
   * @param io has some whole, named {@code grad.<name>}
   * @param json has the sums and norms of all, and the names of those that are zero
   */
  public static void check(
      Map<String, INDArray> actual, Map<String, INDArray> io, Map<String, Object> json) {
    io.forEach(
        (name, tensor) -> {
          if (name.startsWith("grad.")) {
            String weight = name.substring("grad.".length());
            requireSame(weight, actual.get(weight), ReferenceModels.fromTorch(weight, tensor));
          }
        });
    List<?> zero = (List<?>) json.get("zero_gradient_params");
    object(json, "grad_sum_l2")
        .forEach(
            (name, sumAndNorm) ->
                requireNorm(name, actual.get(name), doubles(sumAndNorm), zero.contains(name)));
  }

  /** Compares one gradient. */
  public static void requireSame(String name, INDArray actual, INDArray expected) {
    assertThat(distance(actual, expected))
        .as("gradient of %s", name)
        .isLessThanOrEqualTo(TOLERANCE * expected.amaxNumber().doubleValue());
  }

  private static void requireNorm(
      String name, INDArray gradient, double[] sumAndNorm, boolean zero) {
    assertThat(gradient).as("gradient of %s", name).isNotNull();
    double norm = gradient.norm2Number().doubleValue();
    double expected = sumAndNorm[1];
    if (zero) {
      assertThat(norm).as("norm of the gradient of %s", name).isLessThan(ZERO);
      return;
    }
    assertThat(norm)
        .as("norm of the gradient of %s", name)
        .isCloseTo(expected, within(TOLERANCE * expected));
    double scale = expected * Math.sqrt(gradient.length());
    assertThat(gradient.sumNumber().doubleValue())
        .as("sum of the gradient of %s", name)
        .isCloseTo(sumAndNorm[0], within(TOLERANCE * scale));
  }
}
