package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.diffusion4j.reference.ReferenceCases.array;
import static org.diffusion4j.reference.ReferenceCases.distance;
import static org.diffusion4j.reference.ReferenceCases.doubles;
import static org.diffusion4j.reference.ReferenceCases.ints;
import static org.diffusion4j.reference.ReferenceCases.json;
import static org.diffusion4j.reference.ReferenceCases.object;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.ForwardProcess;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.reference.ReferenceCases;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/** Every trace of a scheduler that the reference implementation recorded. */
class SchedulerTraceReferenceTest {

  /** Float32 timesteps, at which the reference rounds the logarithms of its noise levels. */
  private static final double TIME_TOLERANCE = 5e-3;

  private static final Pattern SUM = Pattern.compile("([\\d.]+)\\*x\\+([\\d.]+)\\*t");

  /** Folders of another format, which other tests read. */
  private static final Set<String> NO_TRACES =
      Set.of("_schedules", "_add_noise", "_saved_configs", "repaint", "score_sde_ve");

  @TestFactory
  Stream<DynamicTest> steps_areThoseOfTheReference() {
    return Stream.of("schedulers", "schedulers_more")
        .flatMap(
            kind ->
                ReferenceCases.folders(kind).stream()
                    .map(folder -> kind + "/" + folder.getFileName()))
        .filter(family -> !NO_TRACES.contains(family.substring(family.indexOf('/') + 1)))
        .flatMap(family -> ReferenceCases.files(family).stream())
        .map(file -> DynamicTest.dynamicTest(name(file), () -> checkTrace(json(file))));
  }

  @Test
  void bundledCopy_hasTraces() {
    if (System.getProperty("reference.dir") == null) {
      assertThat(steps_areThoseOfTheReference().count()).isGreaterThan(30);
    }
  }

  private static String name(Path file) {
    return file.getParent().getFileName() + "/" + file.getFileName();
  }

  private static SchedulerConfig config(Map<String, Object> json) {
    return new SchedulerConfig(
        (String) json.get("scheduler_class"), object(json, "scheduler_config"));
  }

  /**
   * Where the reference rounds down, the last bit of float32 decides whether the first timestep is
   * the schedule's last or the one below.
   */
  private static double timeTolerance(SchedulerConfig config) {
    SchedulerSettings settings = new SchedulerSettings(config);
    boolean roundsDown =
        settings.on("use_exponential_sigmas")
            || settings.on("use_beta_sigmas")
            || config.text("beta_schedule", "linear").equals("squaredcos_cap_v2");
    boolean whole = config.className().contains("step"); // the solvers, multistep and singlestep
    return whole && roundsDown && settings.spacesSigmas() ? 1 : TIME_TOLERANCE;
  }

  private static void checkTrace(Map<String, Object> json) {
    ReferenceSampler.assumeSampler((String) json.get("scheduler_class"));
    SchedulerConfig config = config(json);
    Integer n = steps(json);
    Map<String, Object> setTimesteps = objectOrEmpty(json, "set_timesteps_kwargs");
    Map<String, Object> arguments = objectOrEmpty(json, "step_kwargs");
    ReferenceSampler sampler = new ReferenceSampler(config, n, arguments, setTimesteps);
    assertThat(sampler.times())
        .containsExactly(doubles(json.get("timesteps")), within(timeTolerance(config)));

    long[] shape = Arrays.stream(ints(json.get("shape"))).asLongStream().toArray();
    List<?> steps = (List<?>) json.get("steps");
    List<?> noises = (List<?>) json.get("noises");
    double[] scale = doubles(json.get("prev_sample_max_abs"));
    double[] rounding = doubles(json.get("f32_vs_f64_max_abs_diff"));
    // The reference takes 1 - alphaBar in float32, also where alphaBar is within 1e-4 of 0 or 1.
    double schedule = config.className().equals("UnCLIPScheduler") ? 5e-4 : 0;
    boolean churns = arguments.containsKey("s_churn");
    List<String> failures = new ArrayList<>();
    int[] done = {0};
    SamplingRequest request =
        SamplingRequest.builder((int) shape[0])
            .start(array(json.get("x_T"), shape))
            .noise(() -> (first, count) -> s -> array(noises.get(done[0]), s))
            .listener(
                step -> {
                  Map<?, ?> expected = (Map<?, ?>) steps.get(step.index());
                  double tolerance =
                      (2e-5 + schedule) * Math.max(1, scale[step.index()])
                          + 10 * rounding[step.index()];
                  compare(
                      "x",
                      step.index(),
                      step.x(),
                      expected.get("prev_sample"),
                      tolerance,
                      failures);
                  Object x0 = expected.get("pred_original_sample");
                  // The clean samples that the reference shows with churn are those of x with it.
                  if (x0 != null && !(churns && noises.get(step.index()) != null)) {
                    double x0Scale = Arrays.stream(doubles(x0)).map(Math::abs).max().orElseThrow();
                    compare(
                        "x0",
                        step.index(),
                        step.x0(),
                        x0,
                        (2e-4 + schedule) * Math.max(1, x0Scale),
                        failures);
                  }
                  done[0]++;
                })
            .build();
    long[] sampleShape = Arrays.copyOfRange(shape, 1, shape.length);
    sampler.sample(model(json, config, sampleShape), request).close();
    assertThat(failures).isEmpty();
    assertThat(done[0]).isEqualTo(steps.size());

    // Where our steps are others, it is for the reasons that ReferenceSampler names.
    if (sampler.differsFromOurs()) {
      String spacing = config.text("timestep_spacing", "leading");
      boolean evenly = n != null && config.schedule().steps() % (2 * n) == 0;
      double[] timesteps = sampler.times();
      boolean noiseAtTheEnd =
          config.className().equals("DDPMScheduler") && timesteps[timesteps.length - 1] != 0;
      assertThat(spacing.equals("linspace") || !evenly || noiseAtTheEnd).isTrue();
    }
  }

  /** Traces of predictor and corrector. */
  @TestFactory
  Stream<DynamicTest> corrections_areThoseOfTheReference() {
    return ReferenceCases.files("schedulers_more/score_sde_ve").stream()
        .map(file -> DynamicTest.dynamicTest(name(file), () -> checkCalls(json(file))));
  }

  private static void checkCalls(Map<String, Object> json) {
    SchedulerConfig config = config(json);
    ReferenceSampler sampler = new ReferenceSampler(config, steps(json), Map.of());
    long[] shape = Arrays.stream(ints(json.get("shape"))).asLongStream().toArray();
    List<?> calls = (List<?>) json.get("calls");
    double[] scale = doubles(json.get("prev_sample_max_abs"));
    double[] rounding = doubles(json.get("f32_vs_f64_max_abs_diff"));
    List<String> failures = new ArrayList<>();
    int[] done = {0};
    SamplingRequest request =
        SamplingRequest.builder((int) shape[0])
            .start(array(json.get("x_T"), shape))
            .noise(() -> (first, n) -> s -> array(call(calls, done[0]).get("noise"), s))
            .listener(
                step -> {
                  int k = step.index();
                  Map<?, ?> call = call(calls, k);
                  double tolerance = 2e-5 * Math.max(1, scale[k]) + 10 * rounding[k];
                  // Our last step adds no noise.
                  boolean last = k + 1 == calls.size();
                  Object expected = call.get(last ? "prev_sample_mean" : "prev_sample");
                  compare("x", k, step.x(), expected, tolerance, failures);
                  done[0]++;
                })
            .build();
    Denoiser model =
        FunctionDenoiser.of(
            config.schedule(),
            config.prediction(),
            (x, t, condition) -> {
              double sigma = t.getDouble(0);
              return x.mul(-0.9 / (1 + sigma * sigma));
            },
            Arrays.copyOfRange(shape, 1, shape.length));
    sampler.sample(model, request).close();
    assertThat(failures).isEmpty();
    assertThat(done[0]).isEqualTo(calls.size());
  }

  private static Map<?, ?> call(List<?> calls, int k) {
    return (Map<?, ?>) calls.get(k);
  }

  private static Integer steps(Map<String, Object> json) {
    boolean counted = !Boolean.FALSE.equals(json.get("set_timesteps_with_count"));
    return counted && json.get("num_inference_steps") instanceof Number n ? n.intValue() : null;
  }

  private static Map<String, Object> objectOrEmpty(Map<String, Object> json, String key) {
    return json.get(key) == null ? Map.of() : object(json, key);
  }

  /** The model that a trace names: the suite's, or a sum. */
  private static Denoiser model(
      Map<String, Object> json, SchedulerConfig config, long[] sampleShape) {
    String name = (String) json.getOrDefault("dummy_model", "(x*t)/(t+1)");
    if (name.equals("(x*t)/(t+1)")) {
      DummyDenoiser model = DummyDenoiser.of(config, sampleShape);
      boolean learns = config.text("variance_type", "fixed").equals("learned_range");
      return learns ? new HalfAsVariance(model) : model;
    }
    Matcher sum = SUM.matcher(name);
    if (!sum.matches()) {
      throw new IllegalArgumentException("model is not supported: " + name);
    }
    double ofX = Double.parseDouble(sum.group(1));
    double ofT = Double.parseDouble(sum.group(2));
    return FunctionDenoiser.of(
        config.schedule(),
        config.prediction(),
        (x, t, condition) -> x.mul(ofX).addi(ofT * t.getDouble(0)),
        sampleShape);
  }

  /** Half of each output follows the outputs as the learned variance. */
  private record HalfAsVariance(DummyDenoiser model) implements Denoiser {

    @Override
    public NoiseSchedule schedule() {
      return model.schedule();
    }

    @Override
    public long[] sampleShape() {
      return model.sampleShape();
    }

    @Override
    public boolean learnsVariance() {
      return true;
    }

    @Override
    public INDArray predict(INDArray xt, INDArray t, Condition condition) {
      INDArray output = model.predict(xt, t, condition);
      return Nd4j.concat(1, output, output.mul(0.5));
    }
  }

  private static void compare(
      String what,
      int step,
      INDArray actual,
      Object expected,
      double tolerance,
      List<String> failures) {
    double distance = distance(actual, array(expected, actual.shape()));
    if (!(distance <= tolerance)) {
      failures.add(what + " of step " + step + " is off by " + distance + ", over " + tolerance);
    }
  }

  @TestFactory
  Stream<DynamicTest> schedules_areThoseOfTheReference() {
    return ReferenceCases.files("schedulers/_schedules").stream()
        .map(file -> DynamicTest.dynamicTest(name(file), () -> checkSchedule(json(file))));
  }

  private static void checkSchedule(Map<String, Object> json) {
    ReferenceSampler.assumeSampler((String) json.get("scheduler_class"));
    NoiseSchedule schedule =
        new SchedulerConfig((String) json.get("scheduler_class"), object(json, "config_kwargs"))
            .schedule();
    double[] betas = doubles(json.get("betas"));
    double[] alphaBars = doubles(json.get("alphas_cumprod"));
    assertThat(schedule.steps()).isEqualTo(betas.length);
    boolean rescaled = schedule.alphaBar(betas.length - 1) == 0;
    for (int t = 0; t < betas.length; t++) {
      // The reference calculates in float32. Where it takes a share of signal near 0 as the
      // difference of two roots, what is left of their digits is that much fewer.
      double lost = rescaled ? 1e-8 / Math.sqrt(schedule.alphaBar(t - 1)) : 0;
      assertThat(schedule.beta(t)).as("beta %d", t).isCloseTo(betas[t], within(2e-6 + lost));
      assertThat(schedule.alphaBar(t)).as("alphaBar %d", t).isCloseTo(alphaBars[t], within(2e-6));
    }
  }

  @TestFactory
  Stream<DynamicTest> noisySamples_areThoseOfTheReference() {
    return ReferenceCases.files("schedulers/_add_noise").stream()
        .map(file -> DynamicTest.dynamicTest(name(file), () -> checkNoisy(json(file))));
  }

  private static void checkNoisy(Map<String, Object> json) {
    String className = (String) json.get("scheduler_class");
    ReferenceSampler.assumeSampler(className);
    SchedulerConfig config = new SchedulerConfig(className, object(json, "config_kwargs"));
    long[] shape = Arrays.stream(ints(json.get("shape"))).asLongStream().toArray();
    INDArray original = array(json.get("original"), shape);
    INDArray noise = array(json.get("noise"), shape);
    double[] t = doubles(json.get("timesteps"));
    INDArray noisy = original.dup();
    for (int i = 0; i < shape[0]; i++) {
      // One timestep may be that of the whole batch.
      double[] shares = ReferenceSampler.mixture(config, steps(json), t[t.length == 1 ? 0 : i]);
      noisy.slice(i).muli(shares[0]).addi(noise.slice(i).mul(shares[1]));
    }
    INDArray expected = array(json.get("noisy"), shape);
    assertThat(distance(noisy, expected))
        .isLessThan(2e-5 * Math.max(1, expected.amaxNumber().doubleValue()));
    ForwardProcess process = new ForwardProcess(config.schedule());
    int[] whole =
        IntStream.range(0, (int) shape[0]).map(i -> (int) t[t.length == 1 ? 0 : i]).toArray();
    if (className.startsWith("DD")) {
      assertThat(distance(process.noisy(original, noise, whole), expected)).isLessThan(2e-5);
    }
    if (json.get("velocity") != null) {
      assertThat(
              distance(
                  process.velocity(original, noise, whole), array(json.get("velocity"), shape)))
          .isLessThan(2e-5);
    }
  }
}
