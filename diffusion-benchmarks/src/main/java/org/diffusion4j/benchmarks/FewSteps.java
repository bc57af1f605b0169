package org.diffusion4j.benchmarks;

import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import org.diffusion4j.Condition;
import org.diffusion4j.Denoiser;
import org.diffusion4j.Sampler;
import org.diffusion4j.SamplingRequest;
import org.diffusion4j.SamplingResult;
import org.diffusion4j.SchedulerConfig;
import org.diffusion4j.data.NpyFiles;
import org.diffusion4j.pretrained.PretrainedModel;
import org.diffusion4j.samplers.Samplers;
import org.diffusion4j.samplers.X0Correction;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/**
 * Fits solvers and steps to a model, and writes samples in few calls of the denoiser: of the usual
 * samplers, of the same with fitted steps, and of the fitted solvers.
 */
@Command(
    name = "FewSteps",
    description = "Fits solvers with few steps to a model and writes their samples beside others'.",
    mixinStandardHelpOptions = true)
public final class FewSteps implements Callable<Integer> {

  /** The samplers and the schedulers whose steps are fitted for them. */
  private static final Map<String, String> SCHEDULERS =
      Map.of(
          "unipc", "UniPCMultistepScheduler",
          "dpm++2m", "DPMSolverMultistepScheduler",
          "deis", "DEISMultistepScheduler");

  @Option(names = "--model", required = true, description = "Model directory.")
  private Path directory = Path.of("");

  @Option(
      names = "--out",
      description = "Folder for a .npy file of each kind of samples; default ${DEFAULT-VALUE}.")
  private Path out = Path.of("out/few-steps");

  @Option(
      names = "--n",
      defaultValue = "1000",
      converter = AtLeastOne.class,
      description = "Samples of each, of all classes in turn; default ${DEFAULT-VALUE}.")
  private int n;

  @Option(
      names = "--steps",
      split = ",",
      defaultValue = "4,5,6,8",
      converter = AtLeastOne.class,
      description = "Numbers of steps; default ${DEFAULT-VALUE}.")
  private List<Integer> steps = List.of();

  @Option(
      names = "--trajectories",
      defaultValue = "100",
      converter = AtLeastOne.class,
      description = "Trajectories to fit to; default ${DEFAULT-VALUE}.")
  private int trajectories;

  @Option(
      names = "--samplers",
      split = ",",
      description = "Samplers to compare with; default unipc, dpm++2m, deis.")
  private List<String> samplers = List.of("unipc", "dpm++2m", "deis");

  @Option(
      names = "--fitted-steps",
      split = ",",
      description = "Samplers with fitted steps besides the fitted solver; default none.")
  private List<String> fittedSteps = List.of();

  @Option(
      names = "--batch",
      defaultValue = "50",
      converter = AtLeastOne.class,
      description = "Samples made at a time; default ${DEFAULT-VALUE}.")
  private int batch;

  @Option(
      names = "--precision",
      defaultValue = "FLOAT32",
      description = "Of sampling, float32 or bfloat16; default float32. Fits are in float32.")
  private ComputeType precision = ComputeType.FLOAT32;

  @Option(names = "--seed", description = "Seed of the samples; default ${DEFAULT-VALUE}.")
  private long seed = 100;

  private final PrintStream print;

  FewSteps(PrintStream print) {
    this.print = print;
  }

  /** Fits, samples and ends the program. */
  public static void main(String[] args) {
    System.exit(Programs.commandLine(new FewSteps(System.out)).execute(args));
  }

  @Override
  public Integer call() throws IOException {
    Files.createDirectories(out);
    try (PretrainedModel trained = PretrainedModel.load(directory)) {
      Denoiser quick = precision.of(trained.model());
      int classes = trained.model().classes();
      X0Correction correction = Samplers.correction(trained.scheduler());
      SamplingRequest paths = request(trajectories, seed + 1, classes);
      for (int count : steps) {
        Map<String, Sampler> all = new LinkedHashMap<>();
        all.put("fitted", Samplers.of(solver(trained, count, paths), count));
        for (String name : fittedSteps) {
          all.put(name + "-fitted", Samplers.of(levels(trained, name, count, paths), count));
        }
        for (String name : samplers) {
          all.put(name, Samplers.named(name, count, correction));
        }
        for (Map.Entry<String, Sampler> each : all.entrySet()) {
          write(each.getKey(), each.getValue(), quick, count, classes);
        }
      }
    }
    return 0;
  }

  private SchedulerConfig solver(PretrainedModel trained, int count, SamplingRequest paths) {
    long begin = System.nanoTime();
    SchedulerConfig fitted = Samplers.fitSolver(trained.scheduler(), count, trained.model(), paths);
    tell("fitted solver", count, begin, fitted.settings().get("fitted_solvers"));
    return fitted;
  }

  private SchedulerConfig levels(
      PretrainedModel trained, String name, int count, SamplingRequest paths) {
    String scheduler = SCHEDULERS.get(name);
    if (scheduler == null) {
      throw new IllegalArgumentException(
          "samplers with fitted steps must be of " + SCHEDULERS.keySet() + " but one was " + name);
    }
    long begin = System.nanoTime();
    SchedulerConfig config = new SchedulerConfig(scheduler, trained.scheduler().settings());
    SchedulerConfig fitted = Samplers.fitSteps(config, count, trained.model(), paths);
    tell("fitted steps of " + name, count, begin, fitted.settings().get("fitted_steps"));
    return fitted;
  }

  private void tell(String what, int count, long begin, @Nullable Object numbers) {
    print.printf(
        Locale.ROOT,
        "%s, %d: %.0f s, %s%n",
        what,
        count,
        (System.nanoTime() - begin) / 1e9,
        numbers);
  }

  private SamplingRequest request(int count, long of, int classes) {
    Condition condition =
        classes == 0
            ? Condition.none()
            : Condition.labels(IntStream.range(0, count).map(i -> i % classes).toArray());
    return SamplingRequest.builder(count).seed(of).batchSize(batch).condition(condition).build();
  }

  private void write(String name, Sampler sampler, Denoiser model, int count, int classes)
      throws IOException {
    try (SamplingResult result = sampler.sample(model, request(n, seed, classes))) {
      int calls = result.denoiserCalls() / ((n + batch - 1) / batch);
      Path file = out.resolve(name.replace("++", "") + "-" + count + ".npy");
      NpyFiles.write(file, result.samples());
      print.printf("%s, %d steps: %d calls, %s%n", name, count, calls, file);
    }
  }
}
