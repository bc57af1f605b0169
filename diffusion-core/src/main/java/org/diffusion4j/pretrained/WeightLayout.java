package org.diffusion4j.pretrained;

import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;

/** How the weights of a network lie in files, and under which names. */
enum WeightLayout {
  /** As PyTorch lays them out, under diffusers' names of today or of before. */
  TORCH(List.of("module.", "_orig_mod.")) {
    @Override
    String name(String stored) {
      return TorchLayout.modernName(stored);
    }

    @Override
    INDArray toFile(String name, INDArray weight) {
      return TorchLayout.toTorch(name, weight);
    }

    @Override
    INDArray fromFile(String name, INDArray weight) {
      return TorchLayout.fromTorch(name, weight);
    }

    @Override
    long[] shape(String name, long[] shape) {
      return TorchLayout.torchShape(name, shape);
    }
  },

  /** As the graph has them, under its own names. */
  OWN(List.of());

  private final List<String> wrappers;

  WeightLayout(List<String> wrappers) {
    this.wrappers = wrappers;
  }

  /** What may stand before all names, put there by what distributes or compiles a network. */
  List<String> wrappers() {
    return wrappers;
  }

  /** The name of a weight in the network. */
  String name(String stored) {
    return stored;
  }

  /** A view of one of our weights as the file has it. */
  INDArray toFile(String name, INDArray weight) {
    return weight;
  }

  /** A view of one of the file's weights as the network has it. */
  INDArray fromFile(String name, INDArray weight) {
    return weight;
  }

  /** The shape that the file has for one of our weights. */
  long[] shape(String name, long[] shape) {
    return shape;
  }
}
