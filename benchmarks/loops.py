"""Hand-written PyTorch training loops to compare with: the tightest we can write, and a usual one.

`Tight`: no `nn.Module` call and no optimizer object in the step, data prepared once and gathered
by index, foreach or fused updates, channels_last convolutions, in-place activations, dropout masks
from cheap random bits, metrics kept as tensors.
`Usual`: `nn.Module`, `DataLoader(shuffle=True)`, `torch.optim`, running sums as tensors.
Both compute the loss from logits and report loss and accuracy once an epoch.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset


class Regressor(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1))


class MLP(nn.Sequential):
    def __init__(self):
        super().__init__(
            *(nn.Linear(784, 512), nn.ReLU(), nn.Dropout(0.2)),
            *(nn.Linear(512, 512), nn.ReLU(), nn.Dropout(0.2)),
            nn.Linear(512, 10),
        )


class CNN(nn.Sequential):
    def __init__(self):
        super().__init__(
            *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU()),
            *(nn.MaxPool2d(2), nn.Dropout(0.25), nn.Flatten()),
            *(nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)),
        )


class Reviews(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.lstm = nn.Embedding(20000, 128), nn.LSTM(128, 128, batch_first=True)
        self.top = nn.Linear(128, 1)

    def forward(self, x):
        return self.top(self.lstm(self.embed(x))[0][:, -1])


MODULES = {"regressor": Regressor, "mlp": MLP, "cnn": CNN, "reviews": Reviews}


def losses(name, out, y):
    """(loss, number correct or None)."""
    if name == "regressor":
        return F.mse_loss(out, y), None
    if name == "reviews":
        return F.binary_cross_entropy_with_logits(out, y), ((out > 0) == (y > 0.5)).sum()
    return F.cross_entropy(out, y), (out.argmax(1) == y).sum()


class Usual:
    """What a PyTorch user writes first."""

    def __init__(self, name, x, y, batch, optimizer):
        self.name, self.batch = name, batch
        self.module = MODULES[name]()
        if x.dim() == 4:
            x = x.permute(0, 3, 1, 2).contiguous()
        self.data = TensorDataset(x, y)
        self.optimizer = {
            "sgd": lambda p: torch.optim.SGD(p, lr=0.01),
            "rmsprop": lambda p: torch.optim.RMSprop(p, lr=1e-3, alpha=0.9, eps=1e-7),
            "adadelta": lambda p: torch.optim.Adadelta(p, lr=1.0, rho=0.95, eps=1e-7),
            "adam": lambda p: torch.optim.Adam(p, lr=1e-3, eps=1e-7),
        }[optimizer](self.module.parameters())

    def epoch(self):
        self.module.train()
        total, correct = torch.zeros(()), torch.zeros(())
        for x, y in DataLoader(self.data, self.batch, shuffle=True):
            self.optimizer.zero_grad()
            loss, right = losses(self.name, self.module(x), y)
            loss.backward()
            self.optimizer.step()
            total += loss.detach() * len(x)
            if right is not None:
                correct += right
        return float(total) / len(self.data), float(correct) / len(self.data)


def dropout(x, rate):
    """Inverted dropout from 16 random bits an element."""
    n = x.numel()
    bits = torch.empty((n + 3) // 4, dtype=torch.int64).random_(-(2**63), None).view(torch.int16)
    keep = bits[:n].ge(round(rate * 65536) - 32768).as_strided(x.shape, x.stride())
    return x * keep.to(x.dtype).mul_(1 / (1 - rate))


class Tight:
    """As little as possible around the kernels."""

    def __init__(self, name, x, y, batch, optimizer):
        self.name, self.x, self.y, self.batch = name, x, y, batch
        module = MODULES[name]()
        if name == "cnn":
            module = module.to(memory_format=torch.channels_last)
        self.params = list(module.parameters())
        if name == "reviews":
            self.lstm, self.table = module.lstm, module.embed.weight.detach()
            self.lstm.batch_first = False
            self.table_grad = torch.zeros_like(self.table)
            self.params = [self.table, *self.params[1:]]
        self.forward = getattr(self, name)
        self.update = getattr(self, optimizer)
        self.state = [[torch.zeros_like(p) for p in self.params] for _ in range(2)]
        self.steps = [torch.zeros(()) for _ in self.params]

    def regressor(self, x):
        a, b, c, d = self.params
        return F.linear(F.linear(x, a, b).relu_(), c, d)

    def mlp(self, x):
        a, b, c, d, e, f = self.params
        h = dropout(F.linear(x, a, b).relu_(), 0.2)
        return F.linear(dropout(F.linear(h, c, d).relu_(), 0.2), e, f)

    def cnn(self, x):
        a, b, c, d, e, f, g, h = self.params
        x = x.permute(0, 3, 1, 2)
        x = torch.conv2d(torch.conv2d(x, a, b).relu_(), c, d).relu_()
        x = dropout(torch.max_pool2d(x, 2), 0.25).permute(0, 2, 3, 1).flatten(1)
        return F.linear(dropout(F.linear(x, e, f).relu_(), 0.5), g, h)

    def sgd(self, grads):
        torch._foreach_add_(self.params, grads, alpha=-0.01)

    def rmsprop(self, grads):
        square = self.state[0]
        torch._foreach_mul_(square, 0.9)
        torch._foreach_addcmul_(square, grads, grads, 0.1)
        scale = torch._foreach_sqrt(square)
        torch._foreach_add_(scale, 1e-7)
        torch._foreach_addcdiv_(self.params, grads, scale, -1e-3)

    def adadelta(self, grads):
        square, moved = self.state
        torch._foreach_mul_(square, 0.95)
        torch._foreach_addcmul_(square, grads, grads, 0.05)
        delta, scale = torch._foreach_add(moved, 1e-7), torch._foreach_add(square, 1e-7)
        torch._foreach_div_(delta, scale)
        torch._foreach_sqrt_(delta)
        torch._foreach_mul_(delta, grads)
        torch._foreach_mul_(moved, 0.95)
        torch._foreach_addcmul_(moved, delta, delta, 0.05)
        torch._foreach_add_(self.params, delta, alpha=-1.0)

    def adam(self, grads):
        torch._foreach_add_(self.steps, 1)
        torch._fused_adam_(
            *(self.params, list(grads), *self.state, [], self.steps),
            **dict(lr=1e-3, beta1=0.9, beta2=0.999, weight_decay=0.0, eps=1e-7),
            **dict(amsgrad=False, maximize=False),
        )

    def step(self, x, y):
        """One step; gives (loss, number correct)."""
        if self.name == "reviews":
            return self.step_reviews(x, y)
        loss, right = losses(self.name, self.forward(x), y)
        grads = torch.autograd.grad(loss, self.params)
        with torch.no_grad():
            self.update(grads)
        return loss.detach(), right

    def reviews(self, x):
        return F.linear(self.lstm(x)[0][-1], *self.params[-2:])

    def step_reviews(self, x, y):
        """The embedding's rows are gathered by hand; its gradient buffer is cleaned by rows."""
        index = x.t().reshape(-1)
        rows = self.table.index_select(0, index).view(x.shape[1], len(x), -1).requires_grad_()
        loss, right = losses(self.name, self.reviews(rows), y)
        first, *rest = torch.autograd.grad(loss, [rows, *self.params[1:]])
        with torch.no_grad():
            self.table_grad.index_add_(0, index, first.view(len(index), -1))
            self.update([self.table_grad, *rest])
            self.table_grad.index_fill_(0, index, 0.0)
        return loss.detach(), right

    def epoch(self):
        x, y, n = self.x, self.y, len(self.x)
        order = torch.randperm(n)
        if x.numel() * 4 < 4e6:
            batches = zip(x[order].split(self.batch), y[order].split(self.batch))
        else:
            batches = ((x[i], y[i]) for i in order.split(self.batch))
        total, correct = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        for xb, yb in batches:
            loss, right = self.step(xb, yb)
            total.add_(loss, alpha=len(xb))
            if right is not None:
                correct.add_(right)
        return float(total) / n, float(correct) / n
