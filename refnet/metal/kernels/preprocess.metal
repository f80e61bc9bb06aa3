// A picture's pixels to the numbers that a network was trained on.
//
// (255 p - mean) * scale, colour by colour: with mean 127.5 and scale 1 / 127.5 that is -1 .. 1,
// as TensorFlow's MobileNets want it; with the means of ImageNet, times 0.017 and blue first, it
// is what the Caffe port of MobileNet V1 was trained with.

#include <metal_stdlib>
using namespace metal;

struct PreprocessParams {
    float4 mean;       // of red, green, blue; 0
    float4 scale;      // of red, green, blue; 0, so that alpha comes out as 0 whatever it was
    uint blueFirst;    // 1: the network reads blue, green, red
};

// One thread a pixel. A texture of 8-bit colours is read as numbers 0 .. 1, red first, whether its
// own order is RGBA or BGRA. It is read as float: p / 255 in half is off by up to a sixteenth of a
// step of the picture's own 255 where it is rounded to nearest, an eighth where it is cut off.
kernel void preprocess(texture2d<float, access::read> picture [[texture(0)]],
                       texture2d_array<half, access::write> image [[texture(1)]],
                       constant PreprocessParams& params [[buffer(0)]],
                       ushort2 gid [[thread_position_in_grid]])
{
    if (gid.x >= image.get_width() || gid.y >= image.get_height()) return;
    const float4 pixel = picture.read(gid) * 255.0f;
    float4 colour = (pixel - params.mean) * params.scale;
    if (params.blueFirst != 0) colour = colour.zyxw;
    image.write(half4(colour), gid, 0);
}
