package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.diffusion4j.reference.ReferenceCases.doubles;
import static org.diffusion4j.reference.ReferenceCases.json;
import static org.diffusion4j.reference.ReferenceCases.object;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.IntToDoubleFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.reference.ReferenceCases;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Schedules and noise that other published code gives, in double precision. */
class DerivedReferenceTest {

  private static final Pattern TORCH = Pattern.compile("torch_cpu_randn_seed(\\d+)_(\\d+)");
  private static final Pattern EDM = Pattern.compile("edm_t_steps_(\\d+)");
  private static final Pattern QUADRATIC = Pattern.compile("ddim_repo_quad_S(\\d+)");
  private static final Pattern SPACED = Pattern.compile("space_timesteps_(\\d+)_(.*)");
  private static final Pattern STEPS = Pattern.compile("_T(\\d+)");

  @TestFactory
  Stream<DynamicTest> values_areThoseOfPublishedCode() {
    Path file = ReferenceCases.root().resolve("diffusers-suite.json");
    if (!Files.exists(file)) {
      return Stream.of();
    }
    return ((List<?>) json(file).getOrDefault("derived", List.of()))
        .stream()
            .map(DerivedReferenceTest::asObject)
            .map(
                json ->
                    DynamicTest.dynamicTest(
                        (String) json.get("id"),
                        () -> {
                          // Bare lists are timesteps and sigmas of samplers, the others schedules.
                          String id = (String) json.get("id");
                          if (json.get("values") instanceof Map) {
                            check(id, object(json, "values"));
                          } else {
                            checkSteps(id, doubles(json.get("values")));
                          }
                        }));
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> asObject(Object json) {
    return (Map<String, Object>) json;
  }

  private static void check(String id, Map<String, Object> values) {
    Matcher torch = TORCH.matcher(id);
    if (torch.matches()) {
      checkTorch(Long.parseLong(torch.group(1)), Integer.parseInt(torch.group(2)), values);
    } else {
      checkSchedule(schedule(id), values);
    }
  }

  private static void checkSteps(String id, double[] expected) {
    Matcher noise = EDM.matcher(id);
    if (noise.matches()) {
      double[] sigmas = SigmaSpacing.KARRAS.descending(80, 0.002, Integer.parseInt(noise.group(1)));
      assertThat(Arrays.copyOf(sigmas, sigmas.length + 1)).containsExactly(expected, within(1e-9));
      return;
    }
    int[] steps =
        IntStream.range(0, expected.length)
            .map(i -> (int) expected[expected.length - 1 - i])
            .toArray();
    assertThat(timesteps(id, steps)).isEqualTo(steps);
  }

  private static int[] timesteps(String id, int[] steps) {
    Matcher quadratic = QUADRATIC.matcher(id);
    if (quadratic.matches()) {
      int n = Integer.parseInt(quadratic.group(1));
      return Timesteps.of(n, StepSpacing.QUADRATIC).descending(1000);
    }
    Matcher spaced = SPACED.matcher(id);
    assertThat(spaced.matches()).as(id).isTrue();
    int total = Integer.parseInt(spaced.group(1));
    String sections = spaced.group(2);
    if (sections.startsWith("ddim")) {
      int n = Integer.parseInt(sections.substring(4));
      return Timesteps.of(n, StepSpacing.LEADING).descending(total);
    }
    // Of several sections there is no spacing; such a list is given as it is.
    return sections.contains(",")
        ? Timesteps.list(steps).descending(total)
        : Timesteps.of(steps.length, StepSpacing.LINSPACE).descending(total);
  }

  private static NoiseSchedule schedule(String id) {
    Matcher steps = STEPS.matcher(id);
    int total = steps.find() ? Integer.parseInt(steps.group(1)) : 1000;
    if (id.contains("zero_terminal_snr_linear")) {
      return NoiseSchedule.linear(total, 1e-4, 0.02).withZeroTerminalSnr();
    }
    if (id.contains("lucidrains_sigmoid")) {
      // start -3, end 3, tau 1; betas of at most 0.999
      double low = sigmoid(-3);
      double high = sigmoid(3);
      double[] betas = new double[total];
      for (int t = 0; t < total; t++) {
        double here = (high - sigmoid(6.0 * t / total - 3)) / (high - low);
        double next = (high - sigmoid(6.0 * (t + 1) / total - 3)) / (high - low);
        betas[t] = Math.min(1 - next / here, 0.999);
      }
      return NoiseSchedule.ofBetas(betas);
    }
    if (id.contains("sigmoid")) {
      return NoiseSchedule.sigmoid(total);
    }
    if (id.contains("cosine")) {
      return NoiseSchedule.cosine(total);
    }
    if (id.contains("scaled_linear")) {
      return NoiseSchedule.scaledLinear(total, 0.00085, 0.012);
    }
    if (id.contains("quad")) {
      return NoiseSchedule.scaledLinear(total, 1e-4, 0.02);
    }
    if (id.contains("jsd")) {
      return NoiseSchedule.ofAlphaBars(
          IntStream.range(0, total).mapToDouble(t -> 1 - (t + 1.0) / total).toArray());
    }
    if (id.contains("const")) {
      double[] betas = new double[total];
      Arrays.fill(betas, 0.02);
      return NoiseSchedule.ofBetas(betas);
    }
    Matcher warmup = Pattern.compile("warmup(\\d+)").matcher(id);
    if (warmup.find()) {
      double[] betas = new double[total];
      Arrays.fill(betas, 0.02);
      int rising = total * Integer.parseInt(warmup.group(1)) / 100;
      for (int t = 0; t < rising; t++) {
        betas[t] = 1e-4 + (0.02 - 1e-4) * t / (rising - 1);
      }
      return NoiseSchedule.ofBetas(betas);
    }
    if (id.contains("linear")) {
      return NoiseSchedule.linear(total);
    }
    throw new IllegalArgumentException("schedule is not supported: " + id);
  }

  private static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }

  private static void checkSchedule(NoiseSchedule s, Map<String, Object> values) {
    compare(values, "betas", s::beta);
    compare(values, "alphas_cumprod", s::alphaBar);
    compare(values, "posterior_variance", s::posteriorVariance);
    compare(
        values,
        "posterior_mean_coef1",
        t -> Math.sqrt(s.alphaBar(t - 1)) * s.beta(t) / (1 - s.alphaBar(t)));
    compare(
        values,
        "posterior_mean_coef2",
        t -> Math.sqrt(s.alpha(t)) * (1 - s.alphaBar(t - 1)) / (1 - s.alphaBar(t)));
    if (values.get("length") instanceof Number length) {
      assertThat(s.steps()).isEqualTo(length.intValue());
    }
    if (values.get("sum_betas") instanceof Number sum) {
      assertThat(IntStream.range(0, s.steps()).mapToDouble(s::beta).sum())
          .isCloseTo(sum.doubleValue(), within(1e-9));
    }
  }

  private static void compare(Map<String, Object> values, String what, IntToDoubleFunction actual) {
    Map<String, Object> expected = object(values, what);
    if (expected != null) {
      expected.forEach(
          (t, value) -> {
            double number = ((Number) value).doubleValue();
            assertThat(actual.applyAsDouble(Integer.parseInt(t)))
                .as("%s at %s", what, t)
                .isCloseTo(number, within(1e-9 * Math.abs(number) + 1e-14));
          });
    }
  }

  private static void checkTorch(long seed, int size, Map<String, Object> values) {
    NoiseSource.Batch noise = NoiseSource.torch(seed).start().batch(0, 1);
    float[] first = noise.next(1, size).data().asFloat();
    assertClose(Arrays.copyOf(first, 16), values.get("first16"));
    assertClose(Arrays.copyOfRange(first, size - 4, size), values.get("last4"));
    double sum = 0;
    for (float value : first) {
      sum += value;
    }
    assertThat(sum).isCloseTo(((Number) values.get("sum")).doubleValue(), within(1e-3));
    float[] second = noise.next(1, size).data().asFloat();
    assertClose(Arrays.copyOf(second, 4), values.get("second_call_first4"));
  }

  private static void assertClose(float[] actual, Object expected) {
    double[] values = doubles(expected);
    for (int i = 0; i < values.length; i++) {
      assertThat((double) actual[i]).isCloseTo(values[i], within(2e-6));
    }
  }
}
