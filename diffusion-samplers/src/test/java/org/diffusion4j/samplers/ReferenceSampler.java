package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.SamplingStep;
import org.diffusion4j.SchedulerConfig;
import org.nd4j.linalg.api.ndarray.INDArray;

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
          "KDPM2AncestralDiscreteScheduler");

  private static final Set<String> ARGUMENTS =
      Set.of("eta", "use_clipped_model_output", "s_churn", "s_tmin", "s_tmax", "s_noise", "order");

  private final SchedulerConfig config;
  private final NoiseSchedule schedule;
  private final Map<String, Object> arguments;
  private final int n;
  private final Method method;
  private final List<Transition> all;
  private final List<Transition> steps;

  /**
   * @param inferenceSteps their number, or null for every step of the schedule
   */
  public ReferenceSampler(
      SchedulerConfig config, Integer inferenceSteps, Map<String, Object> stepArguments) {
    this(config, inferenceSteps, stepArguments, 0);
  }

  /**
   * @param skipped how many of the first timesteps are left out
   */
  ReferenceSampler(
      SchedulerConfig config,
      Integer inferenceSteps,
      Map<String, Object> stepArguments,
      int skipped) {
    this.config = config;
    schedule = config.schedule();
    arguments = stepArguments;
    n = inferenceSteps == null ? schedule.steps() : inferenceSteps;
    for (String argument : stepArguments.keySet()) {
      if (!ARGUMENTS.contains(argument)) {
        throw new IllegalArgumentException("step argument is not supported: " + argument);
      }
    }
    method = ours().method();
    all = theirSteps(method.transitions(schedule));
    steps = new ArrayList<>(all.subList(skipped, all.size()));
  }

  private LoopSampler ours() {
    switch (config.className()) {
      case "DDIMScheduler" -> {
        DdimSampler sampler = Samplers.ddim(config, n, argument("eta", 0));
        return Boolean.TRUE.equals(arguments.get("use_clipped_model_output"))
            ? sampler.withEpsilonFromCorrected()
            : sampler;
      }
      case "EulerDiscreteScheduler" -> {
        return ((EulerSampler) Samplers.of(config, n))
            .withChurn(
                new Churn(
                    argument("s_churn", 0),
                    argument("s_tmin", 0),
                    argument("s_tmax", Double.POSITIVE_INFINITY),
                    argument("s_noise", 1)));
      }
      case "LMSDiscreteScheduler" -> {
        return ((LmsSampler) Samplers.of(config, n)).withOrder((int) argument("order", 4));
      }
      case "TCDScheduler" -> {
        return Samplers.tcd(config, n, argument("eta", 0.3));
      }
      default -> {
        return (LoopSampler) Samplers.of(config, n);
      }
    }
  }

  /** A number among the arguments of a step; infinity is a string in JSON. */
  private double argument(String name, double otherwise) {
    Object value = arguments.get(name);
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
  }

  public int[] timesteps() {
    return steps.stream().mapToInt(step -> (int) Math.rint(step.t())).toArray();
  }

  /** What the denoiser is asked about, perhaps between timesteps. */
  double[] times() {
    return steps.stream().mapToDouble(Transition::t).toArray();
  }

  /** Whether our own sampler takes other steps than the reference. */
  public boolean differsFromOurs() {
    return !all.equals(method.transitions(schedule));
  }

  /** The noise level of the first step. */
  Level first() {
    return steps.get(0).from();
  }

  boolean isUnscaled() {
    return UNSCALED.contains(config.className());
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
    Method scaling = onTheirSteps(method);
    Method scalingInputs =
        new Wrapped(scaling) {
          @Override
          public Run start(List<Transition> ignored, NoiseSchedule ofModel) {
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

  private SamplingResult unscaled(SamplingRequest request, Sampling sampling) {
    INDArray start = request.start().mul(first().signal());
    SamplingRequest own =
        SamplingRequest.builder(request.count())
            .batchSize(request.batchSize())
            .condition(request.condition())
            .noise(request.noise())
            .start(start)
            .listener(
                step -> {
                  double signal = steps.get(step.index()).to().signal();
                  request
                      .listener()
                      .onStep(
                          new SamplingStep(
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
    result.samples().divi(steps.get(steps.size() - 1).to().signal());
    return result;
  }

  private Method onTheirSteps(Method ours) {
    return new Wrapped(ours) {
      @Override
      public List<Transition> transitions(NoiseSchedule ofModel) {
        return steps;
      }

      @Override
      public Run start(List<Transition> ignored, NoiseSchedule ofModel) {
        return ours.start(all, ofModel);
      }
    };
  }

  /** A method like another. */
  private abstract static class Wrapped implements Method {

    private final Method wrapped;

    Wrapped(Method wrapped) {
      this.wrapped = wrapped;
    }

    @Override
    public List<Transition> transitions(NoiseSchedule schedule) {
      return wrapped.transitions(schedule);
    }

    @Override
    public X0Correction correction() {
      return wrapped.correction();
    }
  }
}
