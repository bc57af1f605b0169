package org.diffusion4j.pretrained;

import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The layout and the names of a network's weights in files. */
enum WeightLayout {
  /** PyTorch's layout and diffusers' names, current or old. */
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

  /** The graph's own layout and names. */
  OWN(List.of());

  private final List<String> wrappers;

  WeightLayout(List<String> wrappers) {
    this.wrappers = wrappers;
  }

  /** Prefixes of all names that are added by distributing or compiling a network. */
  List<String> wrappers() {
    return wrappers;
  }

  /** The name of a weight in the network. */
  String name(String stored) {
    return stored;
  }

  /** A view of one of our weights in the file's layout. */
  INDArray toFile(String name, INDArray weight) {
    return weight;
  }

  /** A view of one of the file's weights in the network's layout. */
  INDArray fromFile(String name, INDArray weight) {
    return weight;
  }

  /** The shape of one of our weights in the file's layout. */
  long[] shape(String name, long[] shape) {
    return shape;
  }
}
