"""Makes the zoo: data sets, architectures, training, ONNX files and cards. `zoo/train.py` is its command line."""
