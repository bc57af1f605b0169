package org.diffusion4j.internal.common;

import java.io.IOException;
import java.util.Objects;
import java.util.Optional;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import org.bytedeco.javacpp.Loader;
import org.jspecify.annotations.Nullable;
import org.nd4j.common.config.ND4JClassLoading;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.factory.Nd4jBackend;
import org.nd4j.linalg.factory.Nd4jBackend.NoAvailableBackendException;

/**
 * Starts ND4J before its first use. If something is missing in the application, the error is one
 * sentence that names it. The thread's context class loader has no effect.
 */
public final class Backend {

  private static final String SERVICES = "META-INF/services/" + Nd4jBackend.class.getName();
  private static final String SELECTION = "org.diffusion4j.backend.cpu.ProcessorSelection";
  private static final String[] BACKENDS = {
    "org.nd4j.linalg.cpu.nativecpu.CpuBackend", "org.nd4j.linalg.jcublas.JCublasBackend"
  };
  private static final String CACHE = "org.bytedeco.javacpp.cachedir";

  private Backend() {}

  /** Starts ND4J on the first call; later calls cost nothing. */
  private static final class Start {
    static final @Nullable Failure FAILURE = attempt();
  }

  private record Failure(String reason, Throwable cause) {}

  /**
   * Starts ND4J if it is not running.
   *
   * @throws IllegalStateException if it cannot start; the message says what is missing
   */
  public static void start() {
    Failure failure = Start.FAILURE;
    if (failure != null) {
      throw new IllegalStateException(failure.reason, failure.cause);
    }
  }

  private static @Nullable Failure attempt() {
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    ClassLoader loader = knowsNd4j(before) ? before : Nd4jBackend.class.getClassLoader();
    thread.setContextClassLoader(loader);
    try {
      if (!knowsNd4j(ND4JClassLoading.getNd4jClassloader())) {
        ND4JClassLoading.setNd4jClassloader(loader);
      }
      selectProcessor(loader);
      // This starts ND4J; after a broken service file it continues without a backend.
      Objects.requireNonNull(Nd4j.getBackend(), "no backend");
      return null;
    } catch (RuntimeException | LinkageError failed) {
      return new Failure(reason(failed, ND4JClassLoading.getNd4jClassloader()), failed);
    } finally {
      thread.setContextClassLoader(before);
    }
  }

  private static boolean knowsNd4j(@Nullable ClassLoader loader) {
    return loader != null
        && find(Nd4jBackend.class.getName(), loader).equals(Optional.of(Nd4jBackend.class));
  }

  /**
   * If the service file that names the selection is missing, the wrong native library might be
   * chosen.
   */
  private static void selectProcessor(ClassLoader loader) {
    Optional<Class<?>> selection = find(SELECTION, loader);
    if (selection.isPresent()) {
      try {
        selection.get().getConstructor().newInstance();
      } catch (ReflectiveOperationException e) {
        throw new LinkageError(SELECTION, e);
      }
    }
  }

  private static String reason(Throwable failure, ClassLoader loader) {
    Throwable root = failure;
    boolean noBackend = false;
    while (root.getCause() != null) {
      noBackend |= root instanceof NoAvailableBackendException;
      root = root.getCause();
    }
    String text = String.valueOf(root.getMessage());
    if (noBackend || root instanceof NoAvailableBackendException) {
      return withoutBackend(loader);
    }
    Optional<String> services = brokenServices(loader);
    if (services.isPresent()) {
      return services.get();
    }
    if (text.contains("diffusion-backend-") || text.contains(" must have room for ")) {
      return Shown.text(text, 250);
    }
    try {
      Loader.getCacheDir();
    } catch (IOException | LinkageError none) {
      return "a folder for native libraries must be writable but none is: set the system property "
          + CACHE
          + " to one";
    }
    if (text.contains("failed to map segment")) {
      return "the folder of native libraries must allow execution: set the system property "
          + CACHE
          + " to one that does";
    }
    String shown = Shown.text(text, 120);
    return text.startsWith("no ") || text.startsWith("Could not find")
        ? "ND4J's native libraries for "
            + Loader.getPlatform()
            + " must be on the class path but are not: diffusion-backend-cpu brings those of all"
            + " systems ("
            + shown
            + ")"
        : "ND4J cannot be started with what is on the class path as diffusion-backend-cpu ("
            + root.getClass().getSimpleName()
            + ": "
            + shown
            + ")";
  }

  private static String withoutBackend(ClassLoader loader) {
    for (String backend : BACKENDS) {
      if (find(backend, loader).isPresent()) {
        return SERVICES
            + " must name "
            + backend
            + ", which is on the class path: where jars are merged, merge these files too"
            + " (maven-shade-plugin: ServicesResourceTransformer)";
      }
    }
    return "a backend of ND4J must be on the class path but none is: add diffusion-backend-cpu, or"
        + " that of a platform, such as diffusion-backend-cpu-linux-x86_64, or"
        + " diffusion-backend-cuda for a GPU";
  }

  private static Optional<String> brokenServices(ClassLoader loader) {
    try {
      ServiceLoader.load(Nd4jBackend.class, loader).stream().forEach(ServiceLoader.Provider::type);
      return Optional.empty();
    } catch (ServiceConfigurationError e) {
      return Optional.of(
          "every class that "
              + SERVICES
              + " names must be on the class path, with diffusion-backend-cpu as it is published ("
              + Shown.text(e.getMessage(), 120)
              + ")");
    }
  }

  private static Optional<Class<?>> find(String name, ClassLoader loader) {
    try {
      return Optional.of(Class.forName(name, false, loader));
    } catch (ClassNotFoundException | LinkageError absent) {
      return Optional.empty();
    }
  }
}
