package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.Prediction;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingListener;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.reference.ReferenceCases;
import org.junit.jupiter.api.Assumptions;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * One of our methods on the steps that the reference takes, in its scale.
 *
 * <p>Mostly the steps are our own. They are not where the reference finds the previous step of DDIM
 * or PNDM by subtracting {@code T / n} and not in the list of its timesteps, and where it adds
 * noise to DDPM's last step at which t is not 0. The scale is another for the schedulers of
 * k-diffusion, which keep {@code x / signal}.
 */
public final class ReferenceSampler {

  private static final Set<String> UNSCALED =
      Set.of(
          "EulerDiscreteScheduler",
          "EulerAncestralDiscreteScheduler",
          "HeunDiscreteScheduler",
          "LMSDiscreteScheduler",
          "KDPM2DiscreteScheduler",
          "KDPM2AncestralDiscreteScheduler",
          "DPMSolverSDEScheduler",
          "EDMEulerScheduler",
          "EDMDPMSolverMultistepScheduler",
          "CMStochasticIterativeScheduler",
          "ScoreSdeVeScheduler");

  /** The schedulers that keep {@code (1 - s) x_0 + s epsilon}. */
  private static final Set<String> FLOWS =
      Set.of("FlowMatchEulerDiscreteScheduler", "FlowMatchHeunDiscreteScheduler");

  /** The schedulers that mix samples and noise by their list of noise levels. */
  private static final Set<String> SOLVERS =
      Set.of(
          "DPMSolverMultistepScheduler",
          "DPMSolverSinglestepScheduler",
          "UniPCMultistepScheduler",
          "DEISMultistepScheduler",
          "SASolverScheduler");

  /** What a step is told; {@code return_dict} changes nothing. */
  static final Set<String> ARGUMENTS =
      Set.of(
          "eta",
          "use_clipped_model_output",
          "s_churn",
          "s_tmin",
          "s_tmax",
          "s_noise",
          "order",
          "return_dict");

  /** What {@code set_timesteps} is told. */
  private static final Set<String> SET_TIMESTEPS =
      Set.of(
          "timesteps",
          "sigmas",
          "original_inference_steps",
          "strength",
          "num_inference_steps",
          "mu");

  private final SchedulerConfig config;
  private final NoiseSchedule schedule;
  private final Map<String, Object> arguments;
  private final int n;
  private final LoopSampler<?, ?> method;
  private final List<Transition> all;
  private final List<Transition> steps;

  /**
   * @param inferenceSteps their number, or null for every step of the schedule
   */
  public ReferenceSampler(
      SchedulerConfig config, Integer inferenceSteps, Map<String, Object> stepArguments) {
    this(config, inferenceSteps, stepArguments, Map.of());
  }

  /**
   * @param setTimesteps what {@code set_timesteps} is told beside their number
   */
  public ReferenceSampler(
      SchedulerConfig config,
      Integer inferenceSteps,
      Map<String, Object> stepArguments,
      Map<String, Object> setTimesteps) {
    this.config =
        setTimesteps.containsKey("mu") ? config.with("mu", setTimesteps.get("mu")) : config;
    schedule = config.schedule();
    arguments = stepArguments;
    requireKnown("argument of a step", stepArguments, ARGUMENTS);
    requireKnown("argument of set_timesteps", setTimesteps, SET_TIMESTEPS);
    n = inferenceSteps == null ? count(setTimesteps) : inferenceSteps;
    LoopSampler<?, ?> whole = ours();
    boolean flow = FLOWS.contains(config.className());
    if (flow && setTimesteps.get("sigmas") != null) {
      double[] shares = ReferenceCases.doubles(setTimesteps.get("sigmas"));
      whole = FlowSampler.euler(ProcessSamplers.flow(this.config, shares));
    }
    Timesteps given = flow ? null : given(setTimesteps, inferenceSteps);
    method = given == null ? whole : whole.with(o -> o.timesteps = given);
    all = theirSteps(method.transitions(schedule));
    steps = new ArrayList<>(all);
  }

  private static void requireKnown(String what, Map<String, Object> given, Set<String> known) {
    for (String argument : given.keySet()) {
      if (!known.contains(argument)) {
        throw new IllegalArgumentException(what + " is not supported: " + argument);
      }
    }
  }

  /** Skips the test if the scheduler has no sampler here; docs/interchange.md says why. */
  public static void assumeSampler(String className) {
    try {
      Samplers.of(new SchedulerConfig(className, Map.of()), 4);
    } catch (IllegalArgumentException e) {
      Assumptions.assumeFalse(
          e.getMessage().startsWith("scheduler must be one of"),
          () -> "there is no sampler for " + className);
      throw e;
    }
  }

  /** Timesteps or noise levels that are given one by one, or those of a distillation; or null. */
  private Timesteps given(Map<String, Object> setTimesteps, Integer inferenceSteps) {
    if (setTimesteps.get("timesteps") != null) {
      double[] list = ReferenceCases.doubles(setTimesteps.get("timesteps"));
      for (double t : list) {
        if (t != Math.rint(t)) {
          throw new IllegalArgumentException("given timesteps must be whole but one was " + t);
        }
      }
      // Consistency models count from the highest noise level.
      int last = schedule.steps() - 1;
      boolean fromAbove = config.className().startsWith("CM");
      int[] t = Arrays.stream(list).mapToInt(v -> fromAbove ? last - (int) v : (int) v).toArray();
      if (fromAbove) {
        t = IntStream.of(t).map(v -> -v).sorted().map(v -> -v).toArray();
      }
      return Timesteps.list(t);
    }
    if (setTimesteps.get("sigmas") != null) {
      double[] list = ReferenceCases.doubles(setTimesteps.get("sigmas"));
      if (list[list.length - 1] != 0) {
        throw new IllegalArgumentException("given sigmas must end with 0");
      }
      return Timesteps.sigmas(Arrays.copyOf(list, list.length - 1));
    }
    Object original = setTimesteps.get("original_inference_steps");
    double strength = number(setTimesteps, "strength", 1);
    if (original == null && strength == 1) {
      return null;
    }
    int distilled = (int) number(setTimesteps, "original_inference_steps", configuredDistilled());
    if (strength == 1) {
      return Timesteps.distilled(inferenceSteps, distilled);
    }
    int some = (int) (distilled * strength);
    int[] list = new int[inferenceSteps];
    for (int i = 0; i < list.length; i++) {
      int place = some - (int) (i * ((double) some / list.length));
      list[i] = place * (schedule.steps() / distilled) - 1;
    }
    return Timesteps.list(list);
  }

  private int configuredDistilled() {
    return config.integer("original_inference_steps", 50);
  }

  private int count(Map<String, Object> setTimesteps) {
    if (setTimesteps.get("timesteps") instanceof List<?> list) {
      return list.size();
    }
    return setTimesteps.get("sigmas") instanceof List<?> list ? list.size() - 1 : schedule.steps();
  }

  private LoopSampler<?, ?> ours() {
    switch (config.className()) {
      case "DDIMScheduler" -> {
        DdimSampler sampler = Samplers.ddim(config, n, argument("eta", 0));
        return Boolean.TRUE.equals(arguments.get("use_clipped_model_output"))
            ? sampler.withEpsilonFromCorrected()
            : sampler;
      }
      case "ScoreSdeVeScheduler" -> {
        return ((PredictorCorrectorSampler) Samplers.of(config, n)).withMeanNorms();
      }
      case "EulerDiscreteScheduler", "EDMEulerScheduler" -> {
        return ((EulerSampler) Samplers.of(config, n))
            .withUnseenChurn(
                new HeunSampler.Churn(
                    argument("s_churn", 0),
                    argument("s_tmin", 0),
                    argument("s_tmax", Double.POSITIVE_INFINITY),
                    argument("s_noise", 1)));
      }
      case "LMSDiscreteScheduler" -> {
        return ((LmsSampler) Samplers.of(config, n)).withOrder((int) argument("order", 4));
      }
      case "TCDScheduler" -> {
        return (TcdSampler) Samplers.tcd(config, n, argument("eta", 0.3));
      }
      default -> {
        return (LoopSampler<?, ?>) Samplers.of(config, n);
      }
    }
  }

  /** A number among the arguments of a step; infinity is a string in JSON. */
  private double argument(String name, double otherwise) {
    return number(arguments, name, otherwise);
  }

  private static double number(Map<String, Object> among, String name, double otherwise) {
    Object value = among.get(name);
    if (value == null) {
      return otherwise;
    }
    return value instanceof Number number ? number.doubleValue() : Double.POSITIVE_INFINITY;
  }

  private List<Transition> theirSteps(List<Transition> ours) {
    int stride = schedule.steps() / n;
    List<Transition> theirs = new ArrayList<>();
    switch (config.className()) {
      case "DDPMScheduler" -> {
        for (Transition step : ours) {
          theirs.add(Transition.of(step.index(), step.t(), step.from(), step.to(), step.t() == 0));
        }
      }
      case "DDIMScheduler" -> {
        Level end = Level.of(Samplers.finalAlphaBar(config, true));
        for (Transition step : ours) {
          Level to = level((int) step.t() - stride, end);
          theirs.add(Transition.of(step.index(), step.t(), step.from(), to, step.last()));
        }
      }
      case "DDIMInverseScheduler" -> {
        Level start = Level.of(Samplers.finalAlphaBar(config, true));
        for (Transition step : ours) {
          int from = Math.min((int) step.t() - stride, schedule.steps() - 1);
          theirs.add(
              Transition.of(step.index(), step.t(), level(from, start), step.to(), step.last()));
        }
      }
      case "PNDMScheduler" -> addTheirPndm(theirs, stride, ours.size());
      default -> theirs.addAll(ours);
    }
    return theirs;
  }

  private void addTheirPndm(List<Transition> theirs, int stride, int count) {
    int[] t = Samplers.timesteps(config, n).descending(schedule.steps());
    int first = 0;
    if (!config.flag("skip_prk_steps", false)) {
      for (int i = 0; i < 3; i++) {
        int middle = t[i + 1] + stride / 2;
        addTheir(theirs, t[i], t[i], t[i] - stride / 2, count);
        addTheir(theirs, middle, t[i], middle, count);
        addTheir(theirs, middle, t[i], middle - stride / 2, count);
        addTheir(theirs, t[i + 1], t[i], t[i + 1], count);
      }
      first = 3;
    }
    for (int i = first; i < n; i++) {
      addTheir(theirs, t[i], t[i], t[i] - stride, count);
      if (i == 0 && n > 1) {
        addTheir(theirs, t[1], t[1] + stride, t[1], count);
      }
    }
  }

  private void addTheir(List<Transition> theirs, int t, int from, int to, int count) {
    Level end = Level.of(Samplers.finalAlphaBar(config, false));
    int index = theirs.size();
    theirs.add(
        new Transition(
            index, t, level(t, end), level(from, end), level(to, end), index + 1 == count));
  }

  private Level level(int t, Level beyond) {
    return t < 0 ? beyond : Level.of(schedule.alphaBar(t));
  }

  /** Leaves out every step but the one from a timestep. */
  public void keepOnly(int t) {
    steps.removeIf(step -> step.t() != t);
    if (steps.size() != 1) {
      throw new IllegalArgumentException("one step must be from timestep " + t);
    }
  }

  /** Leaves out the first steps, each of which is one call of the denoiser. */
  void skip(int calls) {
    steps.subList(0, calls).clear();
  }

  /** What the denoiser is asked about, perhaps between timesteps. */
  public double[] times() {
    return steps.stream().mapToDouble(Transition::t).toArray();
  }

  /** The noise levels of the steps, and where the last ends. */
  double[] sigmas() {
    double[] sigmas = new double[steps.size() + 1];
    for (int i = 0; i < steps.size(); i++) {
      sigmas[i] = sigma(listed(i));
    }
    sigmas[steps.size()] = sigma(steps.get(steps.size() - 1).to());
    return sigmas;
  }

  /** On straight paths the reference's sigma is the share of noise. */
  private double sigma(Level level) {
    return config.flag("use_flow_sigmas", false)
        ? level.noise() / (level.signal() + level.noise())
        : level.sigma();
  }

  /** The level that the reference's list of sigmas has for a call, which repeats the whole ones. */
  private Level listed(int call) {
    Transition step = steps.get(call);
    return config.className().startsWith("KDPM2") && step.at() != step.from()
        ? step.to()
        : step.at();
  }

  /** How often a step calls the denoiser, the last aside. */
  int callsPerStep() {
    return config.className().startsWith("KDPM2") || config.className().startsWith("Heun") ? 2 : 1;
  }

  /** The place of a timestep; the second where it is there twice, as the reference counts. */
  int indexOf(double t) {
    int[] places =
        IntStream.range(0, steps.size())
            .filter(i -> Math.abs(steps.get(i).t() - t) < 1e-2)
            .toArray();
    if (places.length == 0 && SOLVERS.contains(config.className())) {
      return steps.size() - 1;
    }
    if (places.length == 0) {
      throw new IllegalArgumentException("there is no timestep " + t + " among the steps");
    }
    return places[Math.min(1, places.length - 1)];
  }

  /**
   * How the reference mixes a sample and noise.
   *
   * @return the shares of the two
   */
  static double[] mixture(SchedulerConfig config, Integer inferenceSteps, double t) {
    boolean unscaled = UNSCALED.contains(config.className());
    boolean solver = SOLVERS.contains(config.className());
    NoiseSchedule schedule = config.schedule();
    Level level;
    if (inferenceSteps != null && (unscaled || solver)) {
      ReferenceSampler sampler = new ReferenceSampler(config, inferenceSteps, Map.of());
      level = sampler.listed(sampler.indexOf(t));
    } else if (solver) {
      // Before set_timesteps the reference's list of sigmas rises while its timesteps fall.
      level = Level.ofSigma(new SigmaCurve(schedule).sigma(schedule.steps() - 1 - t));
    } else if (unscaled) {
      level = Level.ofSigma(new SigmaCurve(schedule).sigma(t));
    } else {
      level = Level.of(schedule.alphaBar((int) t));
    }
    return unscaled
        ? new double[] {1, level.sigma()}
        : new double[] {level.signal(), level.noise()};
  }

  /** What the reference multiplies standard normal noise by to start from. */
  double initNoiseSigma() {
    if (!isUnscaled()) {
      return 1;
    }
    double sigma = all.get(0).from().sigma();
    return config.text("timestep_spacing", "linspace").equals("leading")
        ? Math.sqrt(sigma * sigma + 1)
        : sigma;
  }

  /** Whether our own sampler takes other steps than the reference. */
  public boolean differsFromOurs() {
    return !all.equals(method.transitions(schedule));
  }

  /** The noise level of the first step. */
  Level first() {
    return steps.get(0).from();
  }

  /** The noise level of the samples that a call starts from. */
  Level level(int call) {
    return steps.get(call).from();
  }

  boolean isUnscaled() {
    return UNSCALED.contains(config.className()) || FLOWS.contains(config.className());
  }

  public SamplingResult sample(Denoiser model, SamplingRequest request) {
    return isUnscaled()
        ? unscaled(request, own -> SamplingLoop.run(onTheirSteps(method), model, own))
        : SamplingLoop.run(onTheirSteps(method), model, request);
  }

  /**
   * As {@link #sample}, but with the input of the denoiser, x divided by {@code sqrt(1 + sigma^2)},
   * put in the place of x, as the reference's own tests do.
   */
  SamplingResult sampleWithInputs(DummyDenoiser model, SamplingRequest request) {
    if (!isUnscaled()) {
      return sample(model, request);
    }
    int[] call = {0};
    Denoiser unscaling =
        FunctionDenoiser.of(
            schedule,
            model.prediction(),
            (x, t, condition) -> {
              try (INDArray input = x.div(steps.get(call[0]++).at().signal())) {
                return model.predict(input, t, condition);
              }
            },
            model.sampleShape());
    LoopSampler<?, ?> scaling = onTheirSteps(method);
    LoopSampler<?, ?> scalingInputs =
        new Wrapped(scaling) {
          @Override
          Run start(List<Transition> ignored, NoiseSchedule ofModel) {
            Run run = scaling.start(ignored, ofModel);
            return (step, estimate, x, noise) -> {
              INDArray next = run.step(step, estimate, x, noise);
              return step.last() ? next : next.muli(step.to().signal());
            };
          }
        };
    INDArray start = request.start().mul(first().signal());
    SamplingRequest scaled =
        SamplingRequest.builder(request.count()).start(start).noise(request.noise()).build();
    return unscaled(scaled, own -> SamplingLoop.run(scalingInputs, unscaling, own));
  }

  private interface Sampling {
    SamplingResult sample(SamplingRequest request);
  }

  /** What samples in our scale are divided by for those of the reference. */
  private double divisor(Level level) {
    return FLOWS.contains(config.className()) ? level.signal() + level.noise() : level.signal();
  }

  private SamplingResult unscaled(SamplingRequest request, Sampling sampling) {
    INDArray start = request.start().mul(divisor(first()));
    SamplingRequest own =
        SamplingRequest.builder(request.count())
            .batchSize(request.batchSize())
            .condition(request.condition())
            .noise(request.noise())
            .start(start)
            .listener(
                step -> {
                  double signal = divisor(steps.get(step.index()).to());
                  request
                      .listener()
                      .onStep(
                          new SamplingListener.Step(
                              step.first(),
                              step.count(),
                              step.index(),
                              step.steps(),
                              step.t(),
                              step.x().div(signal),
                              step.x0(),
                              step.elapsed()));
                })
            .build();
    SamplingResult result = sampling.sample(own);
    result.samples().divi(divisor(steps.get(steps.size() - 1).to()));
    return result;
  }

  /** The method on the reference's steps, in our scale, for any request. */
  public Sampler inOurScale() {
    return (model, request) -> SamplingLoop.run(onTheirSteps(method), model, request);
  }

  /** Whether the reference keeps samples divided by the signal. */
  public boolean keepsUnscaled() {
    return isUnscaled();
  }

  /** What standard normal noise is multiplied by to start from, in our scale. */
  public double startScale() {
    return isUnscaled() ? initNoiseSigma() * first().signal() : 1;
  }

  private LoopSampler<?, ?> onTheirSteps(LoopSampler<?, ?> ours) {
    return new Wrapped(ours) {
      @Override
      List<Transition> last(NoiseSchedule ofModel, double strength) {
        return ours instanceof PndmSampler
            ? ours.last(ofModel, strength)
            : super.last(ofModel, strength);
      }

      @Override
      List<Transition> transitions(NoiseSchedule ofModel) {
        return steps;
      }

      @Override
      Run start(List<Transition> ignored, NoiseSchedule ofModel) {
        Run run = ours.start(all, ofModel);
        return config.className().equals("LMSDiscreteScheduler") ? withEarlier(run) : run;
      }
    };
  }

  /** The reference's LMS takes the directions of steps that were left out for zero. */
  private Run withEarlier(Run run) {
    boolean[] told = {false};
    return (step, estimate, x, noise) -> {
      for (Transition earlier : told[0] ? List.<Transition>of() : all.subList(0, step.index())) {
        try (Estimate none =
            Estimate.of(
                new ProcessScale(schedule),
                Prediction.EPSILON,
                x,
                Nd4j.zerosLike(x),
                true,
                null,
                earlier.at(),
                X0Correction.none())) {
          run.step(earlier, none, x, noise).close();
        }
      }
      told[0] = true;
      return run.step(step, estimate, x, noise);
    };
  }

  /** A method like another. */
  private abstract static class Wrapped extends LoopSampler<Wrapped, LoopSampler.Options> {

    private final LoopSampler<?, ?> wrapped;

    Wrapped(LoopSampler<?, ?> wrapped) {
      super(
          wrapped.options,
          options -> {
            throw new UnsupportedOperationException("this one is not changed");
          });
      this.wrapped = wrapped;
    }

    @Override
    List<Transition> transitions(NoiseSchedule schedule) {
      return wrapped.transitions(schedule);
    }

    @Override
    int stages() {
      return wrapped.stages();
    }
  }
}
