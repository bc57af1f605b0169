package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.diffusion4j.reference.ReferenceCases.ints;
import static org.diffusion4j.reference.ReferenceCases.json;
import static org.diffusion4j.reference.ReferenceCases.object;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.diffusion4j.ForwardProcess;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.reference.ReferenceCases;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The figures of the reference implementation's own tests. */
class SuiteReferenceTest {

  /** What this library has samplers for; the others are named in docs/interchange.md. */
  private static final Set<String> SCHEDULERS =
      Set.of("DDPMScheduler", "DDIMScheduler", "DDIMInverseScheduler");

  private static final Pattern NOISED = Pattern.compile("add_noise\\(.*t=(\\d+)\\)");
  private static final Pattern TIMESTEPS = Pattern.compile("timesteps=\\[([\\d, ]+)\\]");
  private static final long[] IMAGES = {4, 3, 8, 8};

  @TestFactory
  Stream<DynamicTest> figures_areThoseOfTheReference() {
    Path file = ReferenceCases.root().resolve("diffusers-suite.json");
    if (!Files.exists(file)) {
      return Stream.of();
    }
    return ((List<?>) json(file).get("cases"))
        .stream()
            .map(SuiteReferenceTest::asObject)
            .filter(json -> json.get("scheduler") != null)
            .map(json -> DynamicTest.dynamicTest((String) json.get("id"), () -> check(json)));
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> asObject(Object json) {
    return (Map<String, Object>) json;
  }

  private static void check(Map<String, Object> json) {
    assumeTrue(
        SCHEDULERS.contains((String) json.get("scheduler")),
        () -> "there is no sampler yet for " + json.get("scheduler"));
    SchedulerConfig config =
        new SchedulerConfig((String) json.get("scheduler"), object(json, "config"));
    switch ((String) json.get("kind")) {
      case "full_loop" -> checkLoop(json, config);
      case "variance" -> checkVariance(json, config);
      case "timesteps" -> {
        int[] expected = ints(object(json, "expected").get("timesteps"));
        assertThat(new ReferenceSampler(config, steps(json), Map.of()).timesteps())
            .isEqualTo(expected);
      }
      case "error" -> checkError(json, config);
      default ->
          throw new IllegalArgumentException("kind of case is not supported: " + json.get("kind"));
    }
  }

  /** The lists of timesteps that must be refused are in the case's text. */
  private static void checkError(Map<String, Object> json, SchedulerConfig config) {
    Matcher list = TIMESTEPS.matcher((String) json.get("loop"));
    assertThat(list.find()).as("list of timesteps").isTrue();
    int[] timesteps =
        Arrays.stream(list.group(1).split(","))
            .mapToInt(s -> Integer.parseInt(s.strip()))
            .toArray();
    int total = config.schedule().steps();
    assertThatThrownBy(() -> Timesteps.list(timesteps).descending(total))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Timesteps.list(total, 0).descending(total))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("[0, " + (total - 1) + "]");
  }

  private static Integer steps(Map<String, Object> json) {
    Number steps = (Number) json.get("num_inference_steps");
    return steps == null ? null : steps.intValue();
  }

  private static void checkLoop(Map<String, Object> json, SchedulerConfig config) {
    assertThat(json.get("input_shape")).isEqualTo("2d");
    INDArray start = ramp(false);
    int skipped = 0;
    Matcher noised = NOISED.matcher((String) json.get("init"));
    if (noised.find()) {
      int t = Integer.parseInt(noised.group(1));
      int[] all = new ReferenceSampler(config, steps(json), Map.of()).timesteps();
      skipped = Arrays.stream(all).boxed().toList().indexOf(t);
      assertThat(skipped).as("place of timestep %d", t).isNotNegative();
      start =
          new ForwardProcess(config.schedule()).noisy(start, ramp(true), new int[] {t, t, t, t});
    }
    ReferenceSampler sampler = new ReferenceSampler(config, steps(json), Map.of(), skipped);
    SamplingRequest request =
        SamplingRequest.builder(4).start(start).noise(NoiseSource.torch(0)).build();
    try (SamplingResult result = sampler.sample(DummyDenoiser.of(config, 3, 8, 8), request)) {
      Map<String, Object> expected = object(json, "expected");
      double sum = result.samples().norm1Number().doubleValue();
      assertThat(sum).isCloseTo(number(expected, "sum"), within(tolerance(json, "sum")));
      assertThat(sum / result.samples().length())
          .isCloseTo(number(expected, "mean"), within(tolerance(json, "mean")));
    }
  }

  /** The suite's own tolerance; 1e-4 of the figure where the suite says that double differs. */
  private static double tolerance(Map<String, Object> json, String what) {
    Map<String, Object> expected = object(json, "expected");
    double tolerance = number(expected, what + "_tol");
    boolean doubleDiffers =
        Boolean.FALSE.equals(json.get("verified_double_within_upstream_tolerance"));
    return doubleDiffers ? Math.max(tolerance, 1e-4 * number(expected, what)) : tolerance;
  }

  private static double number(Map<String, Object> json, String key) {
    return ((Number) json.get(key)).doubleValue();
  }

  /**
   * The suite's sample, {@code (((c * 8 + y) * 8 + w) * 4 + b) / 768}, and its noise, from the end.
   */
  private static INDArray ramp(boolean reversed) {
    float[] values = new float[768];
    for (int b = 0; b < 4; b++) {
      for (int k = 0; k < 192; k++) {
        int n = k * 4 + b;
        values[b * 192 + k] = (reversed ? 767 - n : n) / 768f;
      }
    }
    return Nd4j.create(values, IMAGES, 'c');
  }

  /** Variances are called by their timesteps, which the case's name ends with. */
  private static void checkVariance(Map<String, Object> json, SchedulerConfig config) {
    NoiseSchedule schedule = config.schedule();
    String[] words = ((String) json.get("id")).split("_");
    String last = words[words.length - 1];
    int t;
    int previous;
    if (last.startsWith("t")) {
      t = Integer.parseInt(last.substring(1));
      previous = t - 1;
    } else {
      t = Integer.parseInt(words[words.length - 2]);
      previous = Integer.parseInt(last);
    }
    double variance =
        (1 - schedule.alphaBar(previous))
            / (1 - schedule.alphaBar(t))
            * (1 - schedule.alphaBar(t) / schedule.alphaBar(previous));
    if (previous == t - 1) {
      assertThat(schedule.posteriorVariance(t)).isCloseTo(variance, within(1e-12));
    }
    Map<String, Object> expected = object(json, "expected");
    assertThat(variance).isCloseTo(number(expected, "value"), within(number(expected, "tol")));
  }
}
