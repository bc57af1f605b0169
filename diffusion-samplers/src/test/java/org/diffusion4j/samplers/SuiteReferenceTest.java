package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.diffusion4j.reference.ReferenceCases.ints;
import static org.diffusion4j.reference.ReferenceCases.json;
import static org.diffusion4j.reference.ReferenceCases.object;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

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

  /** The schedulers that have no sampler here; docs/interchange.md says why. */
  private static final Set<String> NOT_HERE =
      Set.of(
          "CMStochasticIterativeScheduler",
          "DPMSolverMultistepInverseScheduler",
          "DPMSolverSDEScheduler",
          "EDMDPMSolverMultistepScheduler",
          "EDMEulerScheduler",
          "IPNDMScheduler",
          "SASolverScheduler",
          "ScoreSdeVeScheduler",
          "UnCLIPScheduler");

  private static final Pattern NOISED = Pattern.compile("add_noise\\(.*t=(\\d+)\\)");
  private static final Pattern TIMESTEPS = Pattern.compile("timesteps=\\[([\\d, ]+)\\]");
  private static final Pattern STARTED = Pattern.compile("t_start=(\\d+)");
  private static final long[] IMAGES = {4, 3, 8, 8};
  private static final long[] VECTORS = {4, 3, 8};

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
    assumeFalse(
        NOT_HERE.contains((String) json.get("scheduler")),
        () -> "there is no sampler for " + json.get("scheduler"));
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
      case "sigmas" ->
          // Flow matching is another process than the one this library samples from.
          assertThatThrownBy(() -> Samplers.of(config, steps(json)))
              .isInstanceOf(IllegalArgumentException.class)
              .hasMessageStartingWith("use_flow_sigmas must be false");
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
    long[] shape = json.get("input_shape").equals("1d") ? VECTORS : IMAGES;
    int skipped = skipped(json, config);
    // The suite asks for a deterministic TCD.
    Map<String, Object> arguments =
        config.className().equals("TCDScheduler") ? Map.of("eta", 0) : Map.of();
    ReferenceSampler sampler = new ReferenceSampler(config, steps(json), arguments, skipped);
    INDArray start = start(json, config, sampler, shape);
    SamplingRequest request =
        SamplingRequest.builder(4).start(start).noise(NoiseSource.torch(0)).build();
    long[] sampleShape = Arrays.copyOfRange(shape, 1, shape.length);
    DummyDenoiser model = DummyDenoiser.of(config, sampleShape);
    try (SamplingResult result = sampler.sampleWithInputs(model, request)) {
      Map<String, Object> expected = object(json, "expected");
      double sum = 0;
      for (float value : Values.of(result.samples())) {
        sum += Math.abs(value);
      }
      for (String figure : List.of("sum", "mean")) {
        if (expected.containsKey(figure)) {
          double actual = figure.equals("sum") ? sum : sum / result.samples().length();
          assertThat(actual)
              .as(figure)
              .isCloseTo(number(expected, figure), within(tolerance(json, figure)));
        }
      }
    }
  }

  /** How many denoiser calls come before the step at which a case starts. */
  private static int skipped(Map<String, Object> json, SchedulerConfig config) {
    Matcher noised = NOISED.matcher((String) json.get("init"));
    if (noised.find()) {
      int t = Integer.parseInt(noised.group(1));
      int[] all = new ReferenceSampler(config, steps(json), Map.of()).timesteps();
      int skipped = Arrays.stream(all).boxed().toList().indexOf(t);
      assertThat(skipped).as("place of timestep %d", t).isNotNegative();
      return skipped;
    }
    Matcher started = STARTED.matcher(String.valueOf(json.get("loop")));
    int calls =
        config.className().startsWith("KDPM2") || config.className().startsWith("Heun") ? 2 : 1;
    return started.find() ? calls * Integer.parseInt(started.group(1)) : 0;
  }

  /** The ramp, scaled to the noise of the first step, or with the other ramp as its noise. */
  private static INDArray start(
      Map<String, Object> json, SchedulerConfig config, ReferenceSampler sampler, long[] shape) {
    String init = (String) json.get("init");
    INDArray start = ramp(false, shape);
    Matcher noised = NOISED.matcher(init);
    if (noised.find()) {
      int t = Integer.parseInt(noised.group(1));
      return new ForwardProcess(config.schedule())
          .noisy(start, ramp(true, shape), new int[] {t, t, t, t});
    }
    Level first = sampler.first();
    if (init.contains("init_noise_sigma")) {
      ReferenceSampler whole = new ReferenceSampler(config, steps(json), Map.of());
      start.muli(whole.first().sigma());
    } else if (init.contains("alpha*")) {
      start.muli(first.signal());
    }
    return init.contains("dummy_noise_deter")
        ? start.addi(ramp(true, shape).muli(sampler.isUnscaled() ? first.sigma() : first.noise()))
        : start;
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
  private static INDArray ramp(boolean reversed, long[] shape) {
    int length = (int) (shape[1] * shape[2] * (shape.length > 3 ? shape[3] : 1));
    float[] values = new float[4 * length];
    for (int b = 0; b < 4; b++) {
      for (int k = 0; k < length; k++) {
        int n = k * 4 + b;
        values[b * length + k] = (reversed ? values.length - 1 - n : n) / (float) values.length;
      }
    }
    return Nd4j.create(values, shape, 'c');
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
