package org.diffusion4j.samplers;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.diffusion4j.NoiseSchedule;
import org.diffusion4j.NoiseSchedule.Level;
import org.diffusion4j.Prediction;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.samplers.DpmSolverSampler.Algorithm;
import org.diffusion4j.samplers.Timesteps.FinalSigma;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.nd4j.linalg.api.ndarray.INDArray;

/**
 * How fast the error of each deterministic method falls with the steps: with the exact denoiser of
 * a mixture, the samples are compared with the exact solution of the probability flow.
 */
class ConvergenceOrderTest {

  private static final NoiseSchedule SCHEDULE = NoiseSchedule.linear(1000);
  private static final MixtureDenoiser MIXTURE =
      MixtureDenoiser.twoModes(SCHEDULE, Prediction.SAMPLE);

  private static final int POINTS = 16;
  private static final double MARGIN = 0.25;

  /** Timesteps so close that those in the middle of others are whole. */
  private static final NoiseSchedule FINE = NoiseSchedule.linear(20_001, 1e-4 / 20, 0.02 / 20);

  private static final Map<List<Level>, double[]> EXACT = new HashMap<>();

  /**
   * A method.
   *
   * @param order the least that the error's fall must show
   * @param of the method for some steps
   * @param whole whether it takes whole timesteps
   */
  record Case(String name, double order, Function<Timesteps, LoopSampler<?, ?>> of, boolean whole) {

    @Override
    public String toString() {
      return name;
    }
  }

  static Stream<Case> cases() {
    return Stream.of(
        levels("Euler", 1, EulerSampler::new),
        levels("Heun", 2, HeunSampler::new),
        levels("KDPM2", 2, Kdpm2Sampler::new),
        levels("LMS 1", 1, t -> new LmsSampler(t).withOrder(1)),
        levels("LMS 2", 2, t -> new LmsSampler(t).withOrder(2)),
        levels("LMS 3", 3, t -> new LmsSampler(t).withOrder(3)),
        levels("LMS 4", 4, LmsSampler::new),
        levels("DPM-Solver++ 1", 1, t -> multistep(t).withOrder(1)),
        levels("DPM-Solver++ 2M", 2, t -> multistep(t)),
        levels("DPM-Solver++ 2M Heun", 2, t -> multistep(t).withHeunSteps()),
        levels("DPM-Solver++ 3M", 3, t -> multistep(t).withOrder(3)),
        levels("DPM-Solver 1", 1, t -> multistep(t, Algorithm.DPM_SOLVER).withOrder(1)),
        levels("DPM-Solver 2M", 2, t -> multistep(t, Algorithm.DPM_SOLVER)),
        levels("DPM-Solver 3M", 3, t -> multistep(t, Algorithm.DPM_SOLVER).withOrder(3)),
        levels("DPM-Solver++ 2S", 2, t -> singlestep(t)),
        levels("DPM-Solver++ 2S Heun", 2, t -> singlestep(t).withHeunSteps()),
        levels("DPM-Solver++ 3S", 3, t -> singlestep(t).withOrder(3).withHeunSteps()),
        levels("DPM-Solver 2S", 2, t -> singlestep(t).withAlgorithm(Algorithm.DPM_SOLVER)),
        levels("UniPC 1", 2, t -> uniPc(t).withOrder(1)),
        levels("UniPC 2", 3, t -> uniPc(t)),
        levels("UniPC 2 bh1", 3, t -> uniPc(t).withVariant(UniPcSampler.Variant.BH1)),
        levels("UniPC 2 epsilon", 3, t -> uniPc(t).withEpsilon()),
        levels("UniPC 3", 4, t -> uniPc(t).withOrder(3)),
        levels("SA-Solver 2", 2, t -> saSolver(t, 2)),
        levels("SA-Solver 3", 3, t -> saSolver(t, 3)),
        levels("Flow Euler", 1, t -> FlowSampler.euler(straight(t))),
        levels("Flow Heun", 2, t -> FlowSampler.heun(straight(t))),
        levels("DEIS 1", 1, t -> deis(t).withOrder(1)),
        levels("DEIS 2", 2, t -> deis(t)),
        levels("DEIS 3", 3, t -> deis(t).withOrder(3)),
        whole("DDIM", 1, t -> new DdimSampler(t, 0)),
        whole("PNDM", 2, PndmSampler::new),
        whole("iPNDM", 2, t -> new PndmSampler(t).withLowerOrderStart()),
        whole("PNDM Runge-Kutta", 2, t -> new PndmSampler(t).withRungeKuttaStart()));
  }

  private static Case levels(String name, double order, Function<Timesteps, LoopSampler<?, ?>> of) {
    return new Case(name, order, of, false);
  }

  private static Case whole(String name, double order, Function<Timesteps, LoopSampler<?, ?>> of) {
    return new Case(name, order, of, true);
  }

  private static DpmSolverSampler multistep(Timesteps t) {
    return multistep(t, Algorithm.DPM_SOLVER_PLUS_PLUS);
  }

  private static DpmSolverSampler multistep(Timesteps t, Algorithm algorithm) {
    return new DpmSolverSampler(t)
        .withAlgorithm(algorithm)
        .withFinalSigma(FinalSigma.MIN)
        .withFullOrderAtEnd();
  }

  private static DpmSolverSinglestepSampler singlestep(Timesteps t) {
    return new DpmSolverSinglestepSampler(t).withFinalSigma(FinalSigma.MIN);
  }

  private static UniPcSampler uniPc(Timesteps t) {
    return new UniPcSampler(t).withFinalSigma(FinalSigma.MIN).withFullOrderAtEnd();
  }

  /** Without noise. */
  private static SaSolverSampler saSolver(Timesteps t, int order) {
    return new SaSolverSampler(t)
        .withTau(new SaSolverSampler.Tau(0, 0, 1, false))
        .withOrders(order, order)
        .withFullOrderAtEnd();
  }

  private static FlowSteps straight(Timesteps t) {
    double[] shares =
        t.nodes(SCHEDULE, FinalSigma.ZERO).transitions().stream()
            .mapToDouble(step -> step.from().sigma() / (1 + step.from().sigma()))
            .toArray();
    return FlowSteps.list(shares);
  }

  private static DeisSampler deis(Timesteps t) {
    return new DeisSampler(t).withFullOrderAtEnd();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void error_fallsAtTheMethodsOrder(Case method) {
    // More of order 4 would be lost in the rounding of float32.
    int steps = method.name().equals("UniPC 3") ? 60 : 100;
    double few = error(method, steps);
    double more = error(method, 2 * steps);
    double order = Math.log(few / more) / Math.log(2);
    assertThat(order).isGreaterThan(method.order() - MARGIN);
  }

  /** That the weights of the published code, which the traces are made with, are of order 2. */
  @Test
  void publishedThirdOrder_isTheSecond() {
    Case published = levels("3M", 2, t -> multistep(t).withOrder(3).withPublishedThirdOrder());
    assertThat(Math.log(error(published, 100) / error(published, 200)) / Math.log(2))
        .isBetween(1.75, 2.6);
  }

  /** The root mean square where the last step begins, or, of a method that ends there, ends. */
  private static double error(Case method, int steps) {
    LoopSampler<?, ?> sampler =
        method.of().apply(method.whole() ? timesteps(steps) : levels(steps));
    if (endsAtMin(sampler)) {
      sampler = method.of().apply(withoutLast(steps));
    }
    NoiseSchedule schedule = method.whole() ? FINE : SCHEDULE;
    List<Transition> transitions = sampler.transitions(schedule);
    int compared = transitions.size() - (endsAtMin(sampler) ? 1 : 2);
    float[][] states = new float[transitions.size()][];
    INDArray start = Values.normal(1, POINTS, 1);
    SamplingRequest request =
        SamplingRequest.builder(POINTS)
            .seed(0)
            .start(start)
            .listener(step -> states[step.index()] = Values.of(step.x()))
            .build();
    SamplerMechanics.samples(
        sampler, MixtureDenoiser.twoModes(schedule, Prediction.SAMPLE), request);
    double[] exact =
        EXACT.computeIfAbsent(
            List.of(transitions.get(0).from(), transitions.get(compared).to()),
            ends -> exact(Values.of(start), ends.get(0), ends.get(1)));
    double squares = 0;
    for (int i = 0; i < POINTS; i++) {
      squares += Math.pow(states[compared][i] - exact[i], 2);
    }
    return Math.sqrt(squares / POINTS);
  }

  private static boolean endsAtMin(LoopSampler<?, ?> sampler) {
    List<Transition> steps = sampler.transitions(FINE);
    return steps.get(steps.size() - 1).to().noise() > 0;
  }

  /** Noise levels evenly in the logarithm. */
  private static double[] sigmas(int steps) {
    SigmaCurve curve = new SigmaCurve(SCHEDULE);
    return SigmaSpacing.EXPONENTIAL.descending(curve.max(), curve.min(), steps + 1);
  }

  private static Timesteps levels(int steps) {
    return Timesteps.sigmas(sigmas(steps));
  }

  private static Timesteps withoutLast(int steps) {
    return Timesteps.sigmas(Arrays.copyOf(sigmas(steps), steps));
  }

  /** From the last down to a tenth; below, the noise level falls ever faster. */
  private static Timesteps timesteps(int steps) {
    int last = FINE.steps() - 1;
    int stride = last / 10 * 9 / steps;
    return Timesteps.list(IntStream.rangeClosed(0, steps).map(i -> last - i * stride).toArray());
  }

  private static double[] exact(float[] start, Level from, Level to) {
    return IntStream.range(0, start.length).mapToDouble(i -> exact(start[i], from, to)).toArray();
  }

  /** The solution of d y / d log sigma = y - x_0, y = x / signal, by Runge and Kutta's method. */
  private static double exact(double x, Level from, Level to) {
    int steps = 4000;
    double y = x / from.signal();
    double h = Math.log(to.sigma() / from.sigma()) / steps;
    for (int i = 0; i < steps; i++) {
      double log = Math.log(from.sigma()) + i * h;
      double k1 = slope(y, log);
      double k2 = slope(y + h / 2 * k1, log + h / 2);
      double k3 = slope(y + h / 2 * k2, log + h / 2);
      double k4 = slope(y + h * k3, log + h);
      y += h / 6 * (k1 + 2 * k2 + 2 * k3 + k4);
    }
    return y * to.signal();
  }

  private static double slope(double y, double logSigma) {
    Level level = Level.ofSigma(Math.exp(logSigma));
    return y - MIXTURE.x0(new double[] {y * level.signal()}, level.alphaBar())[0];
  }
}
