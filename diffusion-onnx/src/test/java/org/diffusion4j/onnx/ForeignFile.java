package org.diffusion4j.onnx;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import onnx.Onnx.AttributeProto;
import onnx.Onnx.GraphProto;
import onnx.Onnx.ModelProto;
import onnx.Onnx.NodeProto;
import onnx.Onnx.OperatorSetIdProto;
import onnx.Onnx.TensorProto.DataType;
import onnx.Onnx.TensorShapeProto;
import onnx.Onnx.TypeProto;
import onnx.Onnx.ValueInfoProto;

/** A small ONNX file as another program would write it. */
final class ForeignFile {

  private final GraphProto.Builder graph = GraphProto.newBuilder().setName("foreign");

  /**
   * @param shape negative sizes are open
   */
  ForeignFile input(String name, DataType type, long... shape) {
    graph.addInput(info(name, type, shape));
    return this;
  }

  ForeignFile output(String name, long... shape) {
    graph.addOutput(info(name, DataType.FLOAT, shape));
    return this;
  }

  ForeignFile node(String type, String result, List<String> in, AttributeProto... attributes) {
    graph.addNode(
        NodeProto.newBuilder()
            .setOpType(type)
            .addAllInput(in)
            .addOutput(result)
            .addAllAttribute(List.of(attributes)));
    return this;
  }

  Path write(Path file) throws IOException {
    ModelProto model =
        ModelProto.newBuilder()
            .setIrVersion(8)
            .addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(17))
            .setGraph(graph)
            .build();
    return Files.write(file, model.toByteArray());
  }

  private static ValueInfoProto info(String name, DataType type, long... shape) {
    TensorShapeProto.Builder sizes = TensorShapeProto.newBuilder();
    for (int d = 0; d < shape.length; d++) {
      TensorShapeProto.Dimension.Builder size = TensorShapeProto.Dimension.newBuilder();
      sizes.addDim(shape[d] < 0 ? size.setDimParam("d" + d) : size.setDimValue(shape[d]));
    }
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(
            TypeProto.newBuilder()
                .setTensorType(
                    TypeProto.Tensor.newBuilder().setElemType(type.getNumber()).setShape(sizes)))
        .build();
  }
}
