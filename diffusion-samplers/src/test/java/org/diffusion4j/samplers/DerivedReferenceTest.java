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
import org.diffusion4j.samplers.Timesteps.Spacing;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/** Schedules and noise that other published code gives, in double precision. */
class DerivedReferenceTest {

  private static final Pattern TORCH = Pattern.compile("torch_cpu_randn_seed(\\d+)_(\\d+)");
  private static final Pattern EDM = Pattern.compile("edm_t_steps_(\\d+)");
  private static final Pattern QUADRATIC = Pattern.compile("ddim_repo_quad_S(\\d+)");
  private static final Pattern SPACED = Pattern.compile("space_timesteps_(\\d+)_(.*)");
  private static final Pattern STEPS = Pattern.compile("_T(\\d+)");
  private static final Pattern START = number("beta_start");
  private static final Pattern END = number("beta_end");
  private static final Pattern END_VALUES = Pattern.compile("(first|last)_?(\\d+)");
  private static final Pattern SECOND = Pattern.compile("second_call_first_?(\\d+)");

  private static Pattern number(String name) {
    return Pattern.compile(name + "\\s*=?\\s*(\\d[-+\\d.e]*\\d|\\d)");
  }

  @TestFactory
  Stream<DynamicTest> values_areThoseOfPublishedCode() {
    Path file = ReferenceCases.root().resolve("diffusers-suite.json");
    if (!Files.exists(file)) {
      return Stream.of();
    }
    return ((List<?>) json(file).getOrDefault("derived", List.of()))
        .stream()
            .map(DerivedReferenceTest::asObject)
            .map(json -> DynamicTest.dynamicTest((String) json.get("id"), () -> check(json)));
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> asObject(Object json) {
    return (Map<String, Object>) json;
  }

  private static void check(Map<String, Object> json) {
    String id = (String) json.get("id");
    Matcher torch = TORCH.matcher(id);
    boolean places =
        EDM.matcher(id).matches()
            || QUADRATIC.matcher(id).matches()
            || SPACED.matcher(id).matches();
    if (torch.matches()) {
      checkTorch(
          Long.parseLong(torch.group(1)), Integer.parseInt(torch.group(2)), object(json, "values"));
    } else if (places) {
      checkPlaces(places(id), json.get("values"));
    } else {
      checkSchedule(schedule(json), object(json, "values"));
    }
  }

  /** All values, or some of them by their names or indices. */
  private static void checkPlaces(double[] actual, Object expected) {
    if (expected instanceof List<?> all) {
      assertThat(actual).containsExactly(doubles(all), within(1e-9));
      return;
    }
    asObject(expected)
        .forEach(
            (what, value) -> {
              Matcher some = END_VALUES.matcher(what);
              if (some.matches()) {
                int n = Integer.parseInt(some.group(2));
                int from = some.group(1).equals("first") ? 0 : actual.length - n;
                assertThat(Arrays.copyOfRange(actual, from, from + n))
                    .as(what)
                    .containsExactly(doubles(value), within(1e-9));
              } else if (value instanceof List<?> all) {
                assertThat(actual).as(what).containsExactly(doubles(all), within(1e-9));
              } else {
                double number = ((Number) value).doubleValue();
                double found =
                    switch (what) {
                      case "length", "count", "n" -> actual.length;
                      case "sum" -> Arrays.stream(actual).sum();
                      case "first" -> actual[0];
                      case "last" -> actual[actual.length - 1];
                      default -> actual[Integer.parseInt(what)];
                    };
                assertThat(found).as(what).isCloseTo(number, within(1e-9 * Math.abs(number)));
              }
            });
  }

  /** The noise levels or timesteps that a case's name describes, in the order of its source. */
  private static double[] places(String id) {
    Matcher noise = EDM.matcher(id);
    if (noise.matches()) {
      double[] sigmas = SigmaSpacing.KARRAS.descending(80, 0.002, Integer.parseInt(noise.group(1)));
      return Arrays.copyOf(sigmas, sigmas.length + 1);
    }
    Matcher quadratic = QUADRATIC.matcher(id);
    if (quadratic.matches()) {
      int n = Integer.parseInt(quadratic.group(1));
      return rising(Timesteps.of(n, Spacing.QUADRATIC).descending(1000));
    }
    Matcher spaced = SPACED.matcher(id);
    assertThat(spaced.matches()).as(id).isTrue();
    int total = Integer.parseInt(spaced.group(1));
    String sections = spaced.group(2).replaceAll("[\\[\\]\"' ]", "");
    if (sections.startsWith("ddim")) {
      return rising(ofDdim(total, Integer.parseInt(sections.substring(4))));
    }
    int[] counts = Arrays.stream(sections.split("[,_]")).mapToInt(Integer::parseInt).toArray();
    int[] respaced = respaced(total, counts);
    if (counts.length == 1 && counts[0] > 1) {
      // Where a place is in the middle of two timesteps, adding up strides decides by rounding.
      int[] linspace = Timesteps.of(counts[0], Spacing.LINSPACE).descending(total);
      double stride = (total - 1.0) / (counts[0] - 1);
      for (int i = 0; i < linspace.length; i++) {
        double place = i * stride;
        boolean middle = Math.abs(place - Math.floor(place) - 0.5) < 1e-9;
        assertThat((double) linspace[linspace.length - 1 - i])
            .isCloseTo(respaced[i], within(middle ? 1.0 : 0));
      }
    }
    // Of several sections there is no spacing; such a list is given as it is.
    int[] falling =
        IntStream.range(0, respaced.length).map(i -> respaced[respaced.length - 1 - i]).toArray();
    return rising(Timesteps.list(falling).descending(total));
  }

  /** The multiples of the first stride that gives as many timesteps. */
  private static int[] ofDdim(int total, int n) {
    for (int stride = 1; stride < total; stride++) {
      if ((total + stride - 1) / stride == n) {
        int of = stride;
        int[] falling = IntStream.range(0, n).map(i -> (n - 1 - i) * of).toArray();
        return total % n == 0
            ? Timesteps.of(n, Spacing.LEADING).descending(total)
            : Timesteps.list(falling).descending(total);
      }
    }
    throw new IllegalArgumentException("no stride gives " + n + " of " + total + " timesteps");
  }

  /** Nichol and Dhariwal 2021, section 4: evenly in each of some equal sections. */
  private static int[] respaced(int total, int[] counts) {
    int[] steps = new int[Arrays.stream(counts).sum()];
    int k = 0;
    int start = 0;
    for (int i = 0; i < counts.length; i++) {
      int size = total / counts.length + (i < total % counts.length ? 1 : 0);
      double stride = counts[i] > 1 ? (size - 1.0) / (counts[i] - 1) : 1;
      double place = 0;
      for (int j = 0; j < counts[i]; j++) {
        steps[k++] = start + (int) Math.rint(place);
        place += stride;
      }
      start += size;
    }
    return steps;
  }

  private static double[] rising(int[] falling) {
    return IntStream.range(0, falling.length)
        .mapToDouble(i -> falling[falling.length - 1 - i])
        .toArray();
  }

  private static NoiseSchedule schedule(Map<String, Object> json) {
    String id = (String) json.get("id");
    Matcher steps = STEPS.matcher(id);
    int total = steps.find() ? Integer.parseInt(steps.group(1)) : 1000;
    boolean zero = id.contains("zero_terminal_snr") || id.contains("zero_snr");
    NoiseSchedule schedule = named(id, total, json);
    return zero ? schedule.withZeroTerminalSnr() : schedule;
  }

  /** A number that a case's text gives a name, or what it mostly is. */
  private static double end(Pattern name, Map<String, Object> json, double otherwise) {
    for (String where : List.of("how", "file", "note")) {
      Matcher number = name.matcher(String.valueOf(json.get(where)));
      if (number.find()) {
        return Double.parseDouble(number.group(1));
      }
    }
    return json.get("config") instanceof Map<?, ?> config
            && config.get(name == START ? "beta_start" : "beta_end") instanceof Number number
        ? number.doubleValue()
        : otherwise;
  }

  private static NoiseSchedule named(String id, int total, Map<String, Object> json) {
    // OpenAI's and lucidrains' straight lines are scaled to the number of steps.
    boolean scales = id.matches("(improved|guided)_diffusion.*|lucidrains.*");
    double scale = scales ? 1000.0 / total : 1;
    double first = end(START, json, 1e-4);
    double last = end(END, json, 0.02);
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
      return NoiseSchedule.sigmoid(total, first, last);
    }
    if (id.contains("cosine") || id.contains("squaredcos")) {
      return NoiseSchedule.cosine(total);
    }
    if (id.contains("scaled_linear")) {
      return NoiseSchedule.scaledLinear(total, end(START, json, 0.00085), end(END, json, 0.012));
    }
    if (id.contains("quad")) {
      return NoiseSchedule.scaledLinear(total, first, last);
    }
    if (id.contains("jsd")) {
      return NoiseSchedule.ofAlphaBars(
          IntStream.range(0, total).mapToDouble(t -> 1 - (t + 1.0) / total).toArray());
    }
    if (id.contains("const")) {
      double[] betas = new double[total];
      Arrays.fill(betas, last);
      return NoiseSchedule.ofBetas(betas);
    }
    Matcher warmup = Pattern.compile("warmup_?(\\d+)").matcher(id);
    if (warmup.find()) {
      double[] betas = new double[total];
      Arrays.fill(betas, last);
      int rising = total * Integer.parseInt(warmup.group(1)) / 100;
      for (int t = 0; t < rising; t++) {
        betas[t] = first + (last - first) * t / (rising - 1);
      }
      return NoiseSchedule.ofBetas(betas);
    }
    if (id.contains("linear")) {
      return NoiseSchedule.linear(total, first * scale, last * scale);
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
    float[] second = noise.next(1, size).data().asFloat();
    values.forEach(
        (what, expected) -> {
          Matcher some = END_VALUES.matcher(what);
          Matcher later = SECOND.matcher(what);
          if (some.matches()) {
            int n = Integer.parseInt(some.group(2));
            int from = some.group(1).equals("first") ? 0 : size - n;
            assertClose(Arrays.copyOfRange(first, from, from + n), expected);
          } else if (later.matches()) {
            assertClose(Arrays.copyOf(second, Integer.parseInt(later.group(1))), expected);
          } else if (what.equals("all") || what.equals("values")) {
            assertClose(first, expected);
          } else {
            double sum = 0;
            for (float value : first) {
              sum += value;
            }
            double found =
                switch (what) {
                  case "sum" -> sum;
                  case "mean" -> sum / size;
                  default -> throw new IllegalArgumentException("value is not supported: " + what);
                };
            assertThat(found).isCloseTo(((Number) expected).doubleValue(), within(1e-3));
          }
        });
  }

  private static void assertClose(float[] actual, Object expected) {
    double[] values = doubles(expected);
    assertThat(actual).hasSameSizeAs(values);
    for (int i = 0; i < values.length; i++) {
      assertThat((double) actual[i]).isCloseTo(values[i], within(2e-6));
    }
  }
}
