package org.diffusion4j.internal.files;

import java.util.List;
import org.nd4j.linalg.api.ndarray.INDArray;

/** The layout and the names of a network's weights in files. */
public enum WeightLayout {
  /** PyTorch's layout and diffusers' names, current or old. */
  TORCH(List.of("module.", "_orig_mod.")) {
    @Override
    public String name(String stored) {
      return TorchLayout.modernName(stored);
    }

    /** The positions 0, 1, 2 ... that older releases wrote. */
    @Override
    public boolean isSurplus(String stored) {
      return stored.endsWith(".position_ids");
    }

    @Override
    public INDArray toFile(String name, INDArray weight) {
      return TorchLayout.toTorch(name, weight);
    }

    @Override
    public INDArray fromFile(String name, INDArray weight) {
      return TorchLayout.fromTorch(name, weight);
    }

    @Override
    public long[] shape(String name, long[] shape) {
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
  public List<String> wrappers() {
    return wrappers;
  }

  /** The name of a weight in the network. */
  public String name(String stored) {
    return stored;
  }

  /** Whether a tensor of a file is no weight and is ignored. */
  public boolean isSurplus(String stored) {
    return false;
  }

  /** A view of one of our weights in the file's layout. */
  public INDArray toFile(String name, INDArray weight) {
    return weight;
  }

  /** A view of one of the file's weights in the network's layout. */
  public INDArray fromFile(String name, INDArray weight) {
    return weight;
  }

  /** The shape of one of our weights in the file's layout. */
  public long[] shape(String name, long[] shape) {
    return shape;
  }
}
