package org.diffusion4j.benchmarks;

import static org.bytedeco.pytorch.global.torch.manual_seed;
import static org.bytedeco.pytorch.global.torch.mse_loss;
import static org.bytedeco.pytorch.global.torch.rand;
import static org.bytedeco.pytorch.global.torch.randn;
import static org.bytedeco.pytorch.global.torch.set_num_threads;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Adam;
import org.bytedeco.pytorch.AdamOptions;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/** Times the network on libtorch. The arguments are a {@link Case}'s. */
final class LibtorchProcess {

  private static final double LEARNING_RATE = 2e-4;

  private final LibtorchLayers layers;
  private final PeerUNet<Tensor> network;
  private final Tensor x;
  private final Tensor t;
  private final @Nullable Tensor text;
  private final Tensor noise;

  private LibtorchProcess(Net net, int batch) {
    layers = new LibtorchLayers(net.normGroups());
    network = new PeerUNet<>(net, layers);
    x = randn(batch, net.channels(), net.size(), net.size());
    t = rand(batch, 1).mul(new Scalar(1000));
    text = net.takesText() ? randn(batch, Net.TOKENS, Net.TEXT_WIDTH) : null;
    noise = randn(batch, net.channels(), net.size(), net.size());
  }

  public static void main(String[] args) {
    Child.main(LibtorchProcess::run, args);
  }

  private static long run(Case what, StepClock clock, String... arguments) {
    String library = "/org/bytedeco/pytorch/" + Loader.getPlatform() + "/";
    if (LibtorchProcess.class.getResource(library) == null) {
      throw new IllegalStateException(
          "libtorch's native library must be on the class path but is not: add -Pbenchmarks to"
              + " Maven's options");
    }
    extract(library);
    set_num_threads(what.threads());
    manual_seed(1);
    LibtorchProcess process = new LibtorchProcess(what.net(), what.batch());
    process.predict(); // Makes the parameters.
    if (what.mode() == Mode.TRAIN) {
      process.train(clock);
    } else {
      while (clock.running()) {
        process.predict();
        clock.tick();
      }
    }
    return process.layers.parameterCount();
  }

  /**
   * Extracts all of libtorch's libraries before the first is loaded. JavaCPP extracts them one by
   * one, and the first would load the others from a libtorch of the system.
   */
  private static void extract(String folder) {
    try {
      for (String part : List.of("c10", "torch_cpu", "torch")) {
        Loader.cacheResource(LibtorchProcess.class, folder + System.mapLibraryName(part));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void predict() {
    inScope(
        () -> {
          NoGradGuard guard = new NoGradGuard();
          try {
            network.forward(x, t, text);
          } finally {
            guard.close();
          }
        });
  }

  private void train(StepClock clock) {
    Adam adam = new Adam(layers.parameters(), new AdamOptions(LEARNING_RATE));
    while (clock.running()) {
      inScope(
          () -> {
            adam.zero_grad();
            Tensor loss = mse_loss(network.forward(x, t, text), noise);
            loss.backward();
            adam.step();
            loss.item_float();
          });
      clock.tick();
    }
  }

  /** Runs work in a scope that frees its tensors. */
  private static void inScope(Runnable work) {
    PointerScope scope = new PointerScope();
    try {
      work.run();
    } finally {
      scope.close();
    }
  }
}
