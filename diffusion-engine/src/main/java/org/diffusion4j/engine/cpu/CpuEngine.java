package org.diffusion4j.engine.cpu;

import java.util.List;
import java.util.Optional;
import org.bytedeco.dnnl.global.dnnl;
import org.diffusion4j.engine.graph.Engine;
import org.diffusion4j.engine.graph.Node;
import org.diffusion4j.engine.graph.Precision;
import org.diffusion4j.engine.graph.Program;
import org.diffusion4j.engine.graph.Weights;
import org.nd4j.linalg.api.ops.executioner.OpExecutioner;
import org.nd4j.linalg.factory.Nd4j;

/** Runs nodes on the CPU: with oneDNN, our own loops, and ND4J for the rest. */
public final class CpuEngine implements Engine {

  private final Weights weights;
  private final PackedWeights packed;

  private CpuEngine(Weights weights) {
    this.weights = weights;
    packed = new PackedWeights(weights);
  }

  /** Whether ND4J's backend is a CPU backend and oneDNN is available. */
  public static boolean isAvailable() {
    return Nd4j.getExecutioner().type() == OpExecutioner.ExecutionerType.NATIVE_CPU
        && OneDnn.available();
  }

  /** An engine for a graph's weights; empty if not {@link #isAvailable}. */
  public static Optional<CpuEngine> of(Weights weights) {
    return isAvailable() ? Optional.of(new CpuEngine(weights)) : Optional.empty();
  }

  /** The processor's instructions that kernels use; with others, results differ in last bits. */
  public static String instructions() {
    return Integer.toHexString(dnnl.dnnl_get_effective_cpu_isa());
  }

  /** Whether this processor is faster with a precision than with float. */
  public static boolean isFast(Precision precision) {
    return switch (precision) {
      case FLOAT32 -> true;
      case BFLOAT16 ->
          OneDnn.available()
              && (dnnl.dnnl_get_effective_cpu_isa() & dnnl.dnnl_cpu_isa_avx512_core_bf16)
                  == dnnl.dnnl_cpu_isa_avx512_core_bf16;
    };
  }

  @Override
  public boolean supports(Node node) {
    return Kernels.has(node);
  }

  @Override
  public Program compile(List<Node> nodes, int callerArrays, boolean gradients) {
    KernelContext context = new KernelContext(packed);
    try {
      return new CpuProgram(nodes, weights, callerArrays, gradients, context);
    } catch (RuntimeException | Error e) {
      context.close();
      throw e;
    }
  }

  @Override
  public long weightCopyBytes() {
    return packed.bytes() + weights.heldBytes();
  }

  @Override
  public void close() {
    packed.close();
  }
}
