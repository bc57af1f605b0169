package org.diffusion4j.internal.nn;

import java.util.Map;
import org.nd4j.autodiff.samediff.SDVariable;

/** The functions between the layers of a network. */
public enum ActivationFunction {
  /** {@code x sigmoid(x)} (Elfwing et al. 2018). */
  SILU {
    @Override
    public SDVariable of(Layers layers, SDVariable x) {
      return layers.silu(x);
    }
  },
  /** {@code x tanh(log(1 + exp(x)))} (Misra 2019). */
  MISH {
    @Override
    public SDVariable of(Layers layers, SDVariable x) {
      // ND4J cannot copy graphs with its own operation for it.
      return x.mul(layers.sd.math().tanh(layers.sd.nn().softplus(x)));
    }
  },
  /** {@code x Phi(x)} with the exact normal distribution (Hendrycks and Gimpel 2016). */
  GELU {
    @Override
    public SDVariable of(Layers layers, SDVariable x) {
      return layers.gelu(x);
    }
  },
  /** {@code max(x, 0)}. */
  RELU {
    @Override
    public SDVariable of(Layers layers, SDVariable x) {
      return layers.sd.nn().relu(x, 0);
    }
  };

  /** The functions by the names that diffusers has for them. */
  public static final Map<String, ActivationFunction> BY_NAME =
      Map.of("silu", SILU, "swish", SILU, "mish", MISH, "gelu", GELU, "relu", RELU);

  public abstract SDVariable of(Layers layers, SDVariable x);
}
