package org.diffusion4j.backend.cuda;

import java.util.List;
import java.util.Optional;
import java.util.Properties;
import java.util.ServiceLoader;
import org.bytedeco.javacpp.Loader;
import org.jspecify.annotations.Nullable;
import org.nd4j.common.config.ND4JClassLoading;
import org.nd4j.common.io.Resource;
import org.nd4j.linalg.factory.Environment;
import org.nd4j.linalg.factory.Nd4jBackend;
import org.nd4j.linalg.jcublas.JCublasBackend;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Checks the GPU before ND4J's CUDA backend is used, and acts as that backend if the GPU is
 * supported.
 *
 * <p>Otherwise it acts as the next best backend on the class path and logs this. Without another
 * backend, {@link #isAvailable()} throws an error, because ND4J hides exceptions thrown there and
 * would load machine code that the GPU cannot run.
 */
public final class GpuSelection extends Nd4jBackend {

  private static final String WAY_OUT = "; use nd4j-native (diffusion-backend-cpu) instead";
  private static final String EXTENSION = "platform.extension";

  private final DeviceQuery query;
  private @Nullable Nd4jBackend chosen;

  /** Called by ND4J; does nothing. */
  public GpuSelection() {
    this(CudaRuntime::devices);
  }

  GpuSelection(DeviceQuery query) {
    this.query = query;
  }

  /** Lists the GPUs. */
  @FunctionalInterface
  interface DeviceQuery {
    List<CudaDevice> devices() throws CudaUnavailableException;
  }

  /** One before the CUDA backend in ND4J's order. */
  @Override
  public int getPriority() {
    return BACKEND_PRIORITY_GPU + 1;
  }

  /**
   * Selects the backend.
   *
   * @throws UnsatisfiedLinkError if the GPU cannot be used and there is no other backend
   */
  @Override
  public boolean isAvailable() {
    if (chosen == null) {
      chosen = choose();
    }
    return true;
  }

  private Nd4jBackend choose() {
    String refusal = refusal().orElse(null);
    if (refusal == null) {
      JCublasBackend cuda = new JCublasBackend();
      try {
        cuda.isAvailable();
        leaveExtensionOfCpu(Loader.loadProperties());
        return cuda;
      } catch (RuntimeException unloadable) {
        refusal = CudaDevice.refusal(CudaRuntime.loadFailure(unloadable));
      }
    }
    Nd4jBackend other = bestOther();
    if (other == null) {
      throw new UnsatisfiedLinkError(refusal + WAY_OUT);
    }
    Logger log = LoggerFactory.getLogger(GpuSelection.class);
    log.warn("{}; {} is used instead", refusal, other.getClass().getSimpleName());
    return other;
  }

  /** The error message if this machine is not supported. */
  Optional<String> refusal() {
    try {
      return CudaDevice.refusal(query.devices());
    } catch (CudaUnavailableException unavailable) {
      return Optional.of(CudaDevice.refusal(String.valueOf(unavailable.getMessage())));
    }
  }

  /**
   * Removes the CPU library selected by diffusion-backend-cpu, which would hide the CUDA library
   * with cuDNN.
   *
   * @param platform JavaCPP's own properties: it has read the system property already
   */
  static void leaveExtensionOfCpu(Properties platform) {
    String extension = platform.getProperty(EXTENSION, "");
    if (extension.startsWith("-onednn") || extension.equals("-")) {
      platform.remove(EXTENSION);
    }
  }

  private static @Nullable Nd4jBackend bestOther() {
    Nd4jBackend best = null;
    // Checking the type first avoids creating another GpuSelection.
    for (ServiceLoader.Provider<Nd4jBackend> provider :
        ND4JClassLoading.loadService(Nd4jBackend.class).stream().toList()) {
      if (provider.type() == GpuSelection.class || provider.type() == JCublasBackend.class) {
        continue;
      }
      Nd4jBackend backend = provider.get();
      if (backend.isAvailable() && (best == null || backend.getPriority() > best.getPriority())) {
        best = backend;
      }
    }
    return best;
  }

  private Nd4jBackend chosen() {
    if (chosen == null) {
      throw new IllegalStateException("isAvailable must be called first");
    }
    return chosen;
  }

  @Override
  public boolean canRun() {
    return chosen().canRun();
  }

  @Override
  public boolean allowsOrder() {
    return chosen().allowsOrder();
  }

  @Override
  public Resource getConfigurationResource() {
    return chosen().getConfigurationResource();
  }

  @Override
  public Class<?> getNDArrayClass() {
    return chosen().getNDArrayClass();
  }

  @Override
  public Environment getEnvironment() {
    return chosen().getEnvironment();
  }

  @Override
  public String buildInfo() {
    return chosen().buildInfo();
  }

  @Override
  public void logBackendInit() {
    chosen().logBackendInit();
  }
}
