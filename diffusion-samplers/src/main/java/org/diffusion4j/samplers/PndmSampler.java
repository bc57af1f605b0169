package org.diffusion4j.samplers;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.Supplier;
import org.diffusion4j.Denoiser;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.Prediction;
import org.diffusion4j.internal.common.Elements;
import org.jspecify.annotations.Nullable;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * The pseudo linear multistep method: PNDM (Liu et al. 2022). It combines the last four noise
 * predictions with the method of Adams and Bashforth, equation 12, and moves like DDIM, equation
 * 11.
 *
 * <p>At the beginning there are no predictions to combine. So the first step is done twice, as in
 * latent diffusion's PLMS, or the first three steps are pseudo Runge-Kutta steps of four calls
 * each, equation 13.
 */
public final class PndmSampler extends LoopSampler<PndmSampler, PndmSampler.Options> {

  private static final int RUNGE_KUTTA_STEPS = 3;

  static final class Options extends LoopSampler.Options {

    private boolean rungeKutta;
    private boolean lowerOrder;
    private double @Nullable [] noises;
    private boolean combinesOutputs;
    private boolean cutsCalls;
    private double finalAlphaBar = 1;

    private Options(Timesteps timesteps) {
      super(timesteps);
    }
  }

  private PndmSampler(Options options) {
    super(options, PndmSampler::new);
  }

  /**
   * With leading steps, which start below T-1: the first step is done twice, which fails where
   * there is hardly any signal.
   *
   * @param steps in [1, T]
   */
  public PndmSampler(int steps) {
    this(Timesteps.of(steps, Timesteps.Spacing.LEADING));
  }

  /**
   * With chosen steps.
   *
   * @param timesteps to visit
   */
  public PndmSampler(Timesteps timesteps) {
    this(new Options(timesteps));
  }

  /** A copy with three pseudo Runge-Kutta steps at the beginning; needs at least four steps. */
  public PndmSampler withRungeKuttaStart() {
    return with(o -> o.rungeKutta = true);
  }

  /**
   * A copy whose first steps are of lower order: iPNDM (Zhang and Chen 2023, section 3). Each step
   * calls the denoiser once. A step from noise alone takes the clean samples to be 0, as published.
   */
  PndmSampler withLowerOrderStart() {
    return with(o -> o.lowerOrder = true);
  }

  /**
   * A copy that begins its steps at levels of these noises, in the scale that preserves variance.
   */
  PndmSampler withNoises(double... descending) {
    double[] copy = descending.clone();
    return with(o -> o.noises = copy);
  }

  /**
   * A copy with another alphaBar at the end of the last step.
   *
   * @param alphaBar in (0, 1]; diffusers' default is the schedule's {@code alphaBar(0)}
   */
  public PndmSampler withFinalAlphaBar(double alphaBar) {
    Limits.alphaBar("final alphaBar", alphaBar);
    return with(o -> o.finalAlphaBar = alphaBar);
  }

  /**
   * A copy for denoisers that predict velocities: combines velocities and converts the result to
   * noise at the step's start, as diffusers does. This is less accurate than combining noises.
   */
  public PndmSampler withCombinedVelocities() {
    return with(o -> o.combinesOutputs = true);
  }

  /**
   * A copy that starts from clean samples as diffusers' pipelines do. They leave out the first
   * calls instead of the first steps: the second call that remains is taken for the repetition of
   * the first, so that one move is missing.
   */
  PndmSampler withCutCalls() {
    return with(o -> o.cutsCalls = true);
  }

  @Override
  String described() {
    return (options.rungeKutta ? ", Runge-Kutta start" : "")
        + (options.lowerOrder ? ", lower order start" : "")
        + (options.combinesOutputs ? ", velocities combined" : "");
  }

  @Override
  void requireFits(Denoiser model) {
    if (options.combinesOutputs && model.prediction() != Prediction.VELOCITY) {
      throw new IllegalArgumentException(
          "velocities can be combined only if the denoiser predicts them, but it predicts "
              + model.prediction());
    }
  }

  @Override
  List<Transition> transitions(NoiseSchedule schedule) {
    return stages(moves(schedule), schedule);
  }

  private List<Transition> moves(NoiseSchedule schedule) {
    double[] noises = options.noises;
    if (noises != null) {
      double[] times = new double[noises.length];
      Level[] levels = new Level[noises.length + 1];
      for (int i = 0; i < noises.length; i++) {
        levels[i] = new Level(Math.sqrt(1 - noises[i] * noises[i]), noises[i]);
        times[i] = schedule.time(levels[i].sigma());
      }
      levels[noises.length] = Level.CLEAN;
      return Transition.chain(times, levels);
    }
    return options.timesteps.down(schedule, Level.of(options.finalAlphaBar));
  }

  private List<Transition> stages(List<Transition> moves, NoiseSchedule schedule) {
    if (options.rungeKutta) {
      Limits.discrete(schedule, this);
    }
    if (options.rungeKutta && moves.size() <= RUNGE_KUTTA_STEPS) {
      throw new IllegalArgumentException(
          "steps must be at least 4 with a Runge-Kutta start but were " + moves.size());
    }
    if (options.lowerOrder) {
      return moves;
    }
    List<Transition> stages = new ArrayList<>();
    for (Transition move : moves) {
      double next = move.last() ? 0 : moves.get(move.index() + 1).t();
      Level from = withSignal(move.from());
      if (options.rungeKutta && move.index() < RUNGE_KUTTA_STEPS) {
        addStages(stages, schedule, move, from, next);
      } else {
        stages.add(Transition.of(stages.size(), move.t(), from, move.to(), move.last()));
        if (!options.rungeKutta && move.index() == 0 && !move.last()) {
          stages.add(new Transition(1, next, move.to(), from, move.to(), false));
        }
      }
    }
    return stages;
  }

  @Override
  List<Transition> last(NoiseSchedule schedule, double strength) {
    List<Transition> moves = moves(schedule);
    int first = moves.size() - remaining(moves.size(), strength);
    if (first == 0) {
      return transitions(schedule);
    }
    return options.cutsCalls && !options.rungeKutta
        ? withoutCalls(moves, first)
        : stages(renumbered(moves.subList(first, moves.size())), schedule);
  }

  private static List<Transition> renumbered(List<Transition> moves) {
    List<Transition> numbered = new ArrayList<>();
    for (Transition move : moves) {
      numbered.add(Transition.of(numbered.size(), move.t(), move.from(), move.to(), move.last()));
    }
    return numbered;
  }

  /** {@link #withCutCalls}: the calls, of which the second repeats the first, without some. */
  private static List<Transition> withoutCalls(List<Transition> moves, int left) {
    List<Transition> calls = new ArrayList<>(moves);
    calls.add(1, moves.get(1));
    calls.subList(0, left).clear();
    List<Transition> cut = renumbered(calls);
    if (cut.size() > 1) {
      Transition second = cut.get(1);
      Level from = moves.get(calls.get(1).index() - 1).from();
      cut.set(1, new Transition(1, second.t(), second.at(), from, second.at(), second.last()));
    }
    return cut;
  }

  /** A move that uses noise predictions must start with some signal. */
  private static Level withSignal(Level level) {
    return level.signal() == 0 ? Level.of(SigmaCurve.SMALLEST_ALPHA_BAR) : level;
  }

  /** Two stages to the midpoint and two to the end, each from the start of the move. */
  private static void addStages(
      List<Transition> stages, NoiseSchedule schedule, Transition move, Level from, double next) {
    int k = stages.size();
    int middle = (int) (move.t() - (int) ((move.t() - next) / 2));
    Level half = withSignal(Level.of(schedule.alphaBar(middle)));
    stages.add(Transition.of(k, move.t(), from, half, false));
    stages.add(new Transition(k + 1, middle, half, from, half, false));
    stages.add(new Transition(k + 2, middle, half, from, move.to(), false));
    stages.add(new Transition(k + 3, next, move.to(), from, move.to(), false));
  }

  @Override
  boolean extrapolatesNoise() {
    return true;
  }

  @Override
  Run start(List<Transition> steps, NoiseSchedule schedule) {
    return new Multistep();
  }

  private final class Multistep implements Run {

    private static final int STAGES = 4;

    /** The coefficients of Adams and Bashforth's methods of order 1 to 4. */
    private static final double[][] ADAMS_BASHFORTH = {
      {1},
      {3.0 / 2, -1.0 / 2},
      {23.0 / 12, -16.0 / 12, 5.0 / 12},
      {55.0 / 24, -59.0 / 24, 37.0 / 24, -9.0 / 24}
    };

    private final History noises = new History(STAGES);
    private @Nullable INDArray start;
    private @Nullable INDArray sum;

    @Override
    public INDArray step(Transition step, Estimate estimate, INDArray x, Supplier<INDArray> noise) {
      INDArray found =
          options.combinesOutputs ? estimate.output().dup() : estimate.direction(x, step.at());
      if (options.rungeKutta && step.index() < STAGES * RUNGE_KUTTA_STEPS) {
        return stage(step, found, x);
      }
      if (step.index() == 1 && start != null) {
        try (found;
            INDArray base = start;
            INDArray mean = Elements.combine(0.5, found, 0.5, noises.value(0))) {
          start = null;
          return move(step, mean, base);
        }
      }
      if (step.index() == 0 && !step.last() && !options.lowerOrder) {
        start = x.dup();
      }
      noises.push(step.at(), found);
      double[] coefficients = ADAMS_BASHFORTH[noises.size() - 1];
      try (INDArray combined = Elements.times(coefficients[0], found)) {
        for (int i = 1; i < coefficients.length; i++) {
          Elements.add(combined, coefficients[i], noises.value(i));
        }
        return move(step, combined, x);
      }
    }

    /** A stage of equation 13. */
    private INDArray stage(Transition step, INDArray found, INDArray x) {
      int stage = step.index() % STAGES;
      if (stage == 0) {
        Linear.close(start);
        start = x.dup();
        sum = Elements.times(1.0 / 6, found);
        noises.push(step.at(), found);
        return move(step, found, x);
      }
      INDArray base = Objects.requireNonNull(start);
      INDArray soFar = Objects.requireNonNull(sum);
      try (found) {
        if (stage < STAGES - 1) {
          Elements.add(soFar, 1.0 / 3, found);
          return move(step, found, base);
        }
        Elements.add(soFar, 1.0 / 6, found);
        INDArray next = move(step, soFar, base);
        Linear.close(soFar);
        Linear.close(base);
        sum = null;
        start = null;
        return next;
      }
    }

    /** Equation 11: DDIM's step. */
    private INDArray move(Transition step, INDArray found, INDArray x) {
      Level from = step.from();
      Level to = step.to();
      double kept = from.signal() == 0 ? 0 : to.signal() / from.signal();
      double added = to.noise() - kept * from.noise();
      return options.combinesOutputs
          ? Elements.combine(kept + added * from.noise(), x, added * from.signal(), found)
          : Elements.combine(kept, x, added, found);
    }

    @Override
    public void close() {
      Linear.close(start);
      Linear.close(sum);
      noises.close();
    }
  }
}
