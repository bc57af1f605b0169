package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.diffusion4j.reference.ReferenceCases.doubles;
import static org.diffusion4j.reference.ReferenceCases.ints;
import static org.diffusion4j.reference.ReferenceCases.json;
import static org.diffusion4j.reference.ReferenceCases.object;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSource;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.reference.ReferenceCases;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** The figures of the reference implementation's own tests. */
class SuiteReferenceTest {

  private static final String NUMBER = "[-+]?\\d+(?:\\.\\d*)?(?:e[-+]?\\d+)?";
  private static final String NUMBERS = "\\[\\s*(" + NUMBER + "(?:\\s*,\\s*" + NUMBER + ")*)\\s*]";
  private static final Pattern LIST = Pattern.compile("(timesteps|sigmas)\\s*=\\s*" + NUMBERS);
  private static final Pattern GIVEN =
      Pattern.compile("set_timesteps\\((?:[^)]*?(timesteps|sigmas)\\s*=\\s*)?" + NUMBERS);
  private static final Pattern COUNT =
      Pattern.compile("(?:set_timesteps\\(|num_inference_steps\\s*=\\s*)(\\d+)");
  private static final Pattern SEED = Pattern.compile("manual_seed\\((\\d+)\\)");
  private static final Pattern VARIANCE_OF = Pattern.compile("_(?:t(\\d+)|(\\d+)_(-?\\d+))$");
  private static final Pattern VARIANCE_CALL =
      Pattern.compile("_get_variance\\((\\d+)(?:,\\s*(-?\\d+))?\\)");
  private static final Set<String> FIGURES = Set.of("sum", "mean", "sum_tol", "mean_tol");

  /** Cases that depend on more than a method. */
  private static final Map<String, String> OTHERS =
      Map.of(
          "ipndm_full_loop", "a run begins with the noise predictions of another run",
          "sde_ve_full_loop", "noise levels and timesteps are those of different numbers of steps");

  private static final double SIGMA_TOLERANCE = 1e-4;
  private static final double TIME_TOLERANCE = 5e-3;

  @TestFactory
  Stream<DynamicTest> figures_areThoseOfTheReference() {
    Path file = ReferenceCases.root().resolve("diffusers-suite.json");
    if (!Files.exists(file)) {
      return Stream.of();
    }
    List<Map<String, Object>> cases =
        ((List<?>) json(file).get("cases")).stream().map(SuiteReferenceTest::asObject).toList();
    return cases.stream()
        .filter(json -> json.get("scheduler") != null)
        .map(json -> DynamicTest.dynamicTest((String) json.get("id"), () -> check(json, cases)));
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> asObject(Object json) {
    return (Map<String, Object>) json;
  }

  private static void check(Map<String, Object> json, List<Map<String, Object>> cases) {
    ReferenceSampler.assumeSampler((String) json.get("scheduler"));
    String reason = OTHERS.get((String) json.get("id"));
    Assumptions.assumeTrue(reason == null, () -> "not a figure of the method: " + reason);
    SchedulerConfig config =
        new SchedulerConfig((String) json.get("scheduler"), object(json, "config"));
    switch ((String) json.get("kind")) {
      case "full_loop" -> checkLoop(json, config, twin(json, cases));
      case "variance" -> checkVariance(json, config);
      case "timesteps", "custom_timesteps", "previous_timestep", "previous_timesteps", "sigmas" ->
          checkSteps(json, config);
      case "error" -> checkError(json, config);
      default ->
          throw new IllegalArgumentException("kind of case is not supported: " + json.get("kind"));
    }
  }

  /** The case of pictures that one of vectors is like, if it is there. */
  private static Map<String, Object> twin(
      Map<String, Object> json, List<Map<String, Object>> cases) {
    String id = ((String) json.get("id")).replace("_1d", "");
    return cases.stream()
        .filter(other -> other != json && id.equals(other.get("id")))
        .findFirst()
        .orElse(Map.of());
  }

  private static void checkSteps(Map<String, Object> json, SchedulerConfig config) {
    Map<String, Object> expected = object(json, "expected");
    // The record has the usual configuration of the suite, but this test makes one of its own.
    boolean flow = config.flag("use_flow_sigmas", false);
    ReferenceSampler sampler =
        new ReferenceSampler(
            flow ? config.with("final_sigmas_type", "zero") : config,
            steps(json),
            Map.of(),
            setTimesteps(json));
    double[] times = sampler.times();
    expected.forEach(
        (what, value) -> {
          if (what.startsWith("prev")) {
            double[] previous = Arrays.copyOfRange(times, 1, times.length + 1);
            previous[times.length - 1] = -1;
            assertThat(previous).as(what).isEqualTo(doubles(value));
          } else if (what.equals("timesteps")) {
            assertThat(times).as(what).containsExactly(doubles(value), within(TIME_TOLERANCE));
          } else if (what.equals("sigmas")) {
            double[] sigmas = doubles(value);
            double tolerance = SIGMA_TOLERANCE * Math.max(1, sigmas[0]);
            assertThat(sampler.sigmas()).as(what).containsExactly(sigmas, within(tolerance));
          } else if (!what.endsWith("tol")) {
            throw new IllegalArgumentException("figure of a case is not supported: " + what);
          }
        });
  }

  /** Lists that {@code set_timesteps} is given in a case's text, by their names. */
  private static Map<String, Object> setTimesteps(Map<String, Object> json) {
    Map<String, Object> found = new HashMap<>();
    if (json.get("set_timesteps_kwargs") != null) {
      found.putAll(object(json, "set_timesteps_kwargs"));
    }
    for (String where : List.of("timesteps", "sigmas")) {
      if (json.get(where) instanceof List<?> list) {
        found.put(where, list);
      }
    }
    Matcher call = GIVEN.matcher(text(json, "loop"));
    Matcher list = LIST.matcher(text(json, "loop"));
    if (found.isEmpty() && call.find()) {
      found.put(call.group(1) == null ? "timesteps" : call.group(1), numbers(call.group(2)));
    } else if (found.isEmpty() && steps(json) == null && list.find()) {
      found.put(list.group(1), numbers(list.group(2)));
    }
    return found;
  }

  private static List<Double> numbers(String list) {
    return Arrays.stream(list.split(",")).map(s -> Double.valueOf(s.strip())).toList();
  }

  /** What must be refused is in the case's text: lists of timesteps, or their number. */
  private static void checkError(Map<String, Object> json, SchedulerConfig config) {
    int total = config.schedule().steps();
    String loop = text(json, "loop");
    Matcher list = LIST.matcher(loop);
    if (list.find()) {
      int[] timesteps = numbers(list.group(2)).stream().mapToInt(t -> (int) Math.rint(t)).toArray();
      // A list may be refused for its number being given too, which cannot be said here.
      if (!loop.contains("num_inference_steps=")) {
        assertThatThrownBy(() -> Timesteps.list(timesteps).descending(total))
            .isInstanceOf(IllegalArgumentException.class);
      }
      assertThatThrownBy(() -> Timesteps.list(total, 0).descending(total))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("[0, " + (total - 1) + "]");
      return;
    }
    Matcher count = COUNT.matcher(loop);
    if (steps(json) == null && !count.find()) {
      throw new IllegalArgumentException("error is not supported: " + loop);
    }
    int n = steps(json) == null ? Integer.parseInt(count.group(1)) : steps(json);
    assertThatThrownBy(
            () -> ((LoopSampler<?, ?>) Samplers.of(config, n)).transitions(config.schedule()))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private static Integer steps(Map<String, Object> json) {
    Number steps = (Number) json.get("num_inference_steps");
    return steps == null ? null : steps.intValue();
  }

  private static String text(Map<String, Object> json, String key) {
    return json.get(key) instanceof String text ? text : "";
  }

  /** Batches of four, of pictures or vectors; or a shape with the batch. */
  private static long[] shape(Map<String, Object> json) {
    Object shape = json.getOrDefault("input_shape", "2d");
    if (shape instanceof List<?> list) {
      return Arrays.stream(ints(list)).asLongStream().toArray();
    }
    return switch ((String) shape) {
      case "2d" -> new long[] {4, 3, 8, 8};
      case "1d" -> new long[] {4, 3, 8};
      default -> throw new IllegalArgumentException("shape is not supported: " + shape);
    };
  }

  /** What a step is told in the loop's text, such as {@code eta=0}. */
  private static Map<String, Object> stepArguments(
      Map<String, Object> json, SchedulerConfig config) {
    Map<String, Object> arguments = new HashMap<>();
    if (config.className().equals("TCDScheduler")) {
      // The suite asks for a deterministic TCD.
      arguments.put("eta", 0);
    }
    if (json.get("step_kwargs") != null) {
      arguments.putAll(object(json, "step_kwargs"));
    }
    for (String argument : List.of("eta", "s_churn", "s_tmin", "s_tmax", "s_noise")) {
      Matcher number =
          Pattern.compile("\\b" + argument + "\\s*=\\s*(" + NUMBER + ")")
              .matcher(text(json, "loop"));
      if (number.find()) {
        arguments.put(argument, Double.valueOf(number.group(1)));
      }
    }
    if (text(json, "loop").matches("(?s).*use_clipped_model_output\\s*=\\s*[Tt]rue.*")) {
      arguments.put("use_clipped_model_output", true);
    }
    return arguments;
  }

  /** Whether the recorded mean of n values cannot be that of the recorded sum. */
  private static boolean contradicts(Map<String, Object> json, long n) {
    if (!object(json, "expected").keySet().containsAll(List.of("sum", "mean"))) {
      return false;
    }
    double difference = figure(json, "sum") / n - figure(json, "mean");
    return Math.abs(difference) > tolerance(json, "sum") / n + tolerance(json, "mean");
  }

  private static void checkLoop(
      Map<String, Object> json, SchedulerConfig config, Map<String, Object> twin) {
    Map<String, Object> expected = object(json, "expected");
    for (String figure : expected.keySet()) {
      if (!FIGURES.contains(figure)) {
        throw new IllegalArgumentException("figure of a case is not supported: " + figure);
      }
    }
    assertThat(expected.keySet()).containsAnyOf("sum", "mean");
    long[] shape = shape(json);
    ReferenceSampler sampler =
        new ReferenceSampler(config, steps(json), stepArguments(json, config), setTimesteps(json));
    String loop = text(json, "loop");
    SuiteStart from =
        SuiteStart.of(
            (String) json.get("init"),
            loop.matches("\\s*as\\b.*") ? text(twin, "loop") : loop,
            (String) twin.get("init"),
            config,
            sampler);
    INDArray start =
        ramp(false, shape).muli(from.sample()).addi(ramp(true, shape).muli(from.noise()));
    sampler.skip(from.skipped());
    Matcher seed = SEED.matcher(text(json, "rng"));
    SamplingRequest request =
        SamplingRequest.builder((int) shape[0])
            .start(start)
            .noise(NoiseSource.torch(seed.find() ? Long.parseLong(seed.group(1)) : 0))
            .build();
    DummyDenoiser dummy = DummyDenoiser.of(config, Arrays.copyOfRange(shape, 1, shape.length));
    // The loops of EDM's multistep solver call the model with unscaled samples.
    boolean unscaled = config.className().equals("EDMDPMSolverMultistepScheduler");
    Denoiser model = unscaled ? withUnscaledInputs(dummy) : dummy;
    boolean kept =
        loop.contains("NOT overwritten")
            || loop.contains("x kept")
            || config.schedule().isContinuous();
    try (SamplingResult result =
        kept ? sampler.sample(model, request) : sampler.sampleWithInputs(dummy, request)) {
      double sum = 0;
      for (float value : Values.of(result.samples())) {
        sum += Math.abs(value);
      }
      for (String figure : List.of("sum", "mean")) {
        boolean isOfAnotherDevice =
            figure.equals("mean") && contradicts(json, result.samples().length());
        if (expected.containsKey(figure) && !isOfAnotherDevice) {
          double actual = figure.equals("sum") ? sum : sum / result.samples().length();
          assertThat(actual)
              .as(figure)
              .isCloseTo(figure(json, figure), within(tolerance(json, figure)));
        }
      }
    }
  }

  private static Denoiser withUnscaledInputs(DummyDenoiser dummy) {
    return FunctionDenoiser.of(
        dummy.schedule(),
        dummy.prediction(),
        (x, t, condition) -> {
          NoiseSchedule schedule = dummy.schedule();
          double sigma = schedule.sigmaOfTime(t.getDouble(0));
          try (INDArray input = x.div(schedule.levelOfSigma(sigma).signal())) {
            return dummy.predict(input, t, condition);
          }
        },
        dummy.sampleShape());
  }

  /** A figure; that in double where the suite says that double differs and gives it. */
  private static double figure(Map<String, Object> json, String what) {
    boolean doubleDiffers =
        Boolean.FALSE.equals(json.get("verified_double_within_upstream_tolerance"));
    return doubleDiffers && json.get("our_double") != null
        ? number(object(json, "our_double"), what)
        : number(object(json, "expected"), what);
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
   * The suite's sample, {@code (k * B + b) / (K * B)} for the k-th of the K values of the b-th of B
   * samples, and its noise, from the end.
   */
  private static INDArray ramp(boolean reversed, long[] shape) {
    int batch = (int) shape[0];
    int length = (int) (Arrays.stream(shape).reduce(1, (a, b) -> a * b) / batch);
    float[] values = new float[batch * length];
    for (int b = 0; b < batch; b++) {
      for (int k = 0; k < length; k++) {
        int n = k * batch + b;
        values[b * length + k] = (reversed ? values.length - 1 - n : n) / (float) values.length;
      }
    }
    return Nd4j.create(values, shape, 'c');
  }

  /** Variances are called by their timesteps, which the case's name ends with. */
  private static void checkVariance(Map<String, Object> json, SchedulerConfig config) {
    Matcher name = VARIANCE_OF.matcher((String) json.get("id"));
    Matcher call = VARIANCE_CALL.matcher(text(json, "loop"));
    int t;
    int previous;
    if (name.find()) {
      t = Integer.parseInt(name.group(1) == null ? name.group(2) : name.group(1));
      previous = name.group(3) == null ? t - 1 : Integer.parseInt(name.group(3));
    } else if (call.find()) {
      t = Integer.parseInt(call.group(1));
      previous = call.group(2) == null ? t - 1 : Integer.parseInt(call.group(2));
    } else {
      throw new IllegalArgumentException("timestep of a variance is not named: " + json.get("id"));
    }
    NoiseSchedule schedule = config.schedule();
    double alphaBar = schedule.alphaBar(t);
    double before =
        previous < 0 ? Samplers.finalAlphaBar(config, true) : schedule.alphaBar(previous);
    double beta = 1 - alphaBar / before;
    double posterior = (1 - before) / (1 - alphaBar) * beta;
    if (previous == t - 1 && previous >= 0) {
      assertThat(schedule.posteriorVariance(t)).isCloseTo(posterior, within(1e-12));
    }
    double variance =
        switch (config.text("variance_type", "fixed_small")) {
          case "fixed_small" -> posterior;
          case "fixed_small_log" -> Math.sqrt(Math.max(posterior, 1e-20));
          // The suite's predicted value is 0.5.
          case "learned_range" -> 0.75 * Math.log(beta) + 0.25 * Math.log(posterior);
          case "fixed_large" -> beta;
          case "fixed_large_log" -> Math.log(beta);
          default ->
              throw new IllegalArgumentException(
                  "variance is not supported: " + config.settings().get("variance_type"));
        };
    Map<String, Object> expected = object(json, "expected");
    // The reference takes 1 - alphaBar in float32, which leaves four digits of it at timestep 0.
    double lost = config.text("variance_type", "").equals("learned_range") ? 2e-4 : 0;
    assertThat(variance)
        .isCloseTo(number(expected, "value"), within(number(expected, "tol") + lost));
  }
}
